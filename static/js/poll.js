// Fetches a part of the page again and again: <div data-poll="URL" data-poll-seconds="2">…</div>.
// The answer's header X-Poll-Stop ends it, X-Poll-Reload loads the whole page; so does an answer other than 200.

const QUIET_SECONDS = 15;

function replace(part, html) {
  if (part.dataset.pollShown === html) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = html;
  part.dataset.pollShown = html;
  if (focused) document.getElementById(focused)?.focus();
}

async function poll(part) {
  const seconds = Number(part.dataset.pollSeconds) || 3;
  let wait = seconds;
  for (;;) {
    await new Promise((done) => setTimeout(done, wait * 1000));
    if (document.hidden) continue;
    try {
      const answer = await fetch(part.dataset.poll, { headers: { "X-Fragment": "1" }, redirect: "manual" });
      if (answer.headers.has("X-Poll-Reload")) return location.reload();
      if (answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500)) return location.reload();
      if (answer.ok) {
        replace(part, await answer.text());
        if (answer.headers.has("X-Poll-Stop")) return;
      }
      wait = answer.ok ? seconds : QUIET_SECONDS;
    } catch {
      wait = QUIET_SECONDS; // offline: try again, less often
    }
  }
}

for (const part of document.querySelectorAll("[data-poll]")) poll(part);
