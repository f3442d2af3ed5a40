// Keeps the summary beside a form in step with its entries. The server does the sum: it is written once, there.
const form = document.querySelector("[data-summary-url]");
const place = form?.querySelector("[data-summary]");

let waiting;
let asked = 0;

async function refresh() {
  const mine = ++asked;
  const url = new URL(form.dataset.summaryUrl, location.href);
  for (const control of form.elements) {
    const ticked = ["checkbox", "radio"].includes(control.type) && control.checked;
    const counts = control.name && (["number", "select-one"].includes(control.type) || ticked);
    if (counts) url.searchParams.append(control.name, control.value);
  }
  try {
    const answer = await fetch(url, { headers: { "X-Fragment": "1" } });
    // A slow older answer must not replace a newer one.
    if (answer.ok && mine === asked) place.innerHTML = await answer.text();
  } catch {
    // Offline: the last summary stays; the next entry tries again.
  }
}

form?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, 250);
});
