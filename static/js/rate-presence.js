// The checklist's comforts: words go out in the order in which they were ticked, a filter for long lists, keys.
// Without this file the boxes are a plain form, whose order is that of the list.

const form = document.querySelector("[data-rate]");
const list = form.querySelector("[data-checklist]");
const boxes = [...list.querySelectorAll("input")];
const filter = form.querySelector("[data-filter]");
const done = form.querySelector("[data-done]");
let ticked = boxes.filter((box) => box.checked); // in the order of ticking

list.addEventListener("change", ({ target }) => {
  ticked = ticked.filter((box) => box !== target);
  if (target.checked) ticked.push(target);
  showCount();
});
form.addEventListener("rate:answer", onAnswer);
form.addEventListener("rate:task", startAnew);
document.addEventListener("keydown", onKey);
if (filter) {
  form.querySelector("[data-filter-row]").hidden = false;
  filter.addEventListener("input", showMatches);
  filter.addEventListener("keydown", onFilterKey);
}
showCount();

function onAnswer(event) {
  const { fields, option } = event.detail;
  if (option === "checked" && ticked.length === 0) {
    event.preventDefault();
    const status = form.querySelector("[data-status]");
    status.textContent = form.querySelector("[data-nothing-ticked]").textContent;
    status.toggleAttribute("data-trouble", true);
    return;
  }
  for (const box of boxes) fields.delete(box.name);
  if (option === "checked") for (const box of ticked) fields.append(box.name, box.value);
}

function startAnew() {
  for (const box of boxes) box.checked = false;
  ticked = [];
  if (filter) filter.value = "";
  showMatches();
  showCount();
  list.scrollTop = 0;
}

function showCount() {
  form.querySelector("[data-count]").textContent = ticked.length ? `(${ticked.length})` : "";
}

function showMatches() {
  const wanted = plain(filter?.value ?? "");
  let matches = 0;
  for (const box of boxes) {
    const fits = plain(box.parentElement.textContent).includes(wanted);
    box.parentElement.hidden = !fits;
    matches += fits;
  }
  form.querySelector("[data-no-match]").hidden = matches > 0;
}

// Upper case and accents don't matter to somebody who looks for a word.
function plain(text) {
  return text.trim().toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
}

function onFilterKey(event) {
  if (event.key === "Escape") filter.value = "";
  else if (event.key === "Enter") {
    const only = boxes.filter((box) => !box.parentElement.hidden);
    if (filter.value && only.length) only[0].click();
    filter.value = "";
  } else return;
  event.preventDefault();
  showMatches();
}

function onKey(event) {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === filter || document.querySelector("[data-help]").open) return;
  if (!document.querySelector("[data-keys-on]").checked) return;
  const box = /^[1-9]$/.test(event.key) ? boxes.filter((one) => !one.parentElement.hidden)[event.key - 1] : null;
  if (box) box.click();
  else if (event.key === "/" && filter) filter.focus();
  else if (event.key === "Enter" && !event.target.closest("button, a")) form.requestSubmit(done);
  else return;
  event.preventDefault();
}
