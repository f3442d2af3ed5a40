// Keeps a reference mask, and what it is for, in this tab's memory until the server has marked it: the end of a session
// and a sign-in in another window both ask for a reload, which takes the page and with it the drawing.
//
// Loaded before the drawing's own script, which must not fetch an earlier mask in the place of the one kept here.

const KEY = "percept-drawn";
const form = document.querySelector("[data-rate]");
const box = form.querySelector("[data-mask]");
// Whose drawing: another researcher may sign in in this tab.
const user = form.querySelector("[data-keep-drawn]").dataset.keepDrawn;
const stored = attempt(() => JSON.parse(sessionStorage.getItem(KEY)));
let newest = 0;
let mask = "";

if (stored?.address === form.action && stored.user === user) putBack();
form.addEventListener("rate:drawn", onDrawn);
form.addEventListener("change", ({ target }) => target.closest("[data-keep-drawn]") && store());
form.addEventListener("rate:told", ({ detail }) => detail.outcome === "marked" && attempt(() => sessionStorage.removeItem(KEY)));

async function onDrawn({ detail: encoded }) {
  newest += 1;
  const mine = newest;
  const text = await encoded();
  if (mine !== newest) return; // a later stroke was kept meanwhile
  mask = text;
  store();
}

function store() {
  const fields = controls().map((control) => [control.name, control.value]);
  attempt(() => sessionStorage.setItem(KEY, JSON.stringify({ address: form.action, user, mask, fields })));
}

function putBack() {
  ({ mask } = stored);
  for (const [name, value] of stored.fields) for (const control of controls()) if (control.name === name) control.value = value;
  form.querySelector("[data-keep-drawn]").open = true;
  document.querySelector("[data-drawn-back]").hidden = false;
  if (!mask) return;
  box.dataset.draft = "";
  // By then the drawing's script listens.
  document.addEventListener("DOMContentLoaded", () => form.dispatchEvent(new CustomEvent("rate:lay", { detail: picture(mask) })));
}

// The drawing as it was kept: a PNG in base64 for addresses.
function picture(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

function controls() {
  return [...form.querySelectorAll("[data-keep-drawn] :is(input, select)")];
}

function attempt(act) {
  try {
    return act();
  } catch {
    return undefined; // storage may be blocked or full: then nothing is kept
  }
}
