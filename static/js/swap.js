// Follows a link or sends a form inside [data-swap] without leaving the page: the answer replaces the part's content.
// Without this script the same links and forms are whole pages.

const before = new WeakMap();

async function swap(part, url, options = {}) {
  part.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { ...options, headers: { "X-Fragment": "1" } });
    if (!answer.ok && answer.status !== 400) throw new Error(String(answer.status));
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.innerHTML = await answer.text();
    (document.getElementById(focused) ?? part.querySelector("select, a, button"))?.focus({ preventScroll: true });
  } finally {
    part.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-swap-link], [data-swap-cancel]");
  const part = link?.closest("[data-swap]");
  if (!part || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  if (link.hasAttribute("data-swap-cancel")) {
    part.innerHTML = before.get(part);
    part.querySelector("a")?.focus();
    return;
  }
  before.set(part, part.innerHTML);
  swap(part, link.href).catch(() => { location.href = link.href; });
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-swap-form]");
  const part = form?.closest("[data-swap]");
  if (!part) return;
  event.preventDefault();
  swap(part, form.action, { method: "POST", body: new FormData(form) }).catch(() => form.submit());
});
