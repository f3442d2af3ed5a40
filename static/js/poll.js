// Fetches a part of the page again and again: <div data-poll="URL" data-poll-seconds="2">…</div>, for the first
// time after as many seconds, or at once with data-poll-at-once.
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
  let wait = "pollAtOnce" in part.dataset ? 0 : seconds;
  for (;;) {
    await new Promise((done) => setTimeout(done, wait * 1000));
    wait = seconds;
    if (document.hidden) continue;
    try {
      const answer = await fetch(part.dataset.poll, { headers: { "X-Fragment": "1" }, redirect: "manual" });
      if (answer.headers.has("X-Poll-Reload")) return location.reload();
      if (answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500)) return location.reload();
      if (answer.ok) {
        replace(part, await answer.text());
        if (answer.headers.has("X-Poll-Stop")) return;
      }
      if (!answer.ok) wait = QUIET_SECONDS;
    } catch {
      wait = QUIET_SECONDS; // offline: try again, less often
    }
  }
}

for (const part of document.querySelectorAll("[data-poll]")) poll(part);
