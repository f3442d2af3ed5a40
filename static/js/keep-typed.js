// Keeps what was typed into <form data-keep> when it was sent after the session had ended, or with a token that a later
// sign-in replaced: without this the form is empty after signing in. Kept in this tab's memory, for that one return.
//
// Loaded by the form's page, and by those that refuse what it sent: they name the form's address in data-kept.

const KEY = "percept-typed";
const form = document.querySelector("form[data-keep]");
const kept = attempt(() => JSON.parse(sessionStorage.getItem(KEY)));

const refused = document.querySelector("[data-kept]");

if (refused) {
  if (kept && kept.address === refused.dataset.kept) attempt(() => sessionStorage.setItem(KEY, JSON.stringify({ ...kept, refused: true })));
} else if (form) {
  attempt(() => sessionStorage.removeItem(KEY));
  if (kept?.refused && kept.address === address() && kept.user === form.dataset.keepFor) putBack(kept.fields);
  form.addEventListener("submit", keep);
}

function keep() {
  const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !isOfThePage(name));
  attempt(() => sessionStorage.setItem(KEY, JSON.stringify({ address: address(), user: form.dataset.keepFor, fields })));
}

function putBack(fields) {
  for (const control of form.elements) {
    if (!control.name || isOfThePage(control.name) || control.type === "file") continue;
    const values = fields.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "checkbox" || control.type === "radio") control.checked = values.includes(control.value);
    else if (values.length) control.value = values[0];
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
  const note = document.createElement("p");
  note.className = "note note--warn";
  note.setAttribute("role", "status");
  note.textContent = form.dataset.keep;
  form.before(note);
}

// The page's own hidden fields: those of this page are right, those that were sent no longer.
function isOfThePage(name) {
  return form.querySelector(`input[type=hidden][name="${CSS.escape(name)}"]`) !== null;
}

function address() {
  return location.pathname + location.search;
}

function attempt(act) {
  try {
    return act();
  } catch {
    return undefined; // storage may be blocked or full: then nothing is kept
  }
}
