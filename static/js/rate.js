// Makes every kind of task quick: one round trip per answer, keys, retries. Without this file the page is a plain form.
//
// The answer's JSON carries the next task. Its pictures are decoded before anything changes on the page, so that a
// rater never sees a word beside the wrong image. A kind's own script hears two events on the form: `rate:task` with a
// new task, and `rate:answer` before an answer is sent, where it may add fields or, with preventDefault, say no. It may
// say `rate:moved` with what the server answered it, when that was another task than the one on the page, and
// hears `rate:told` with any answer.

const SETTLE_MILLISECONDS = 350; // a second click of a double click must not answer the next task
const RETRY_SECONDS = [1, 2, 4, 8, 15];
const LONGEST_MILLISECONDS = 2 ** 31 - 1;

const form = document.querySelector("[data-rate]");
const page = {
  answers: form.querySelector("[data-answers]"),
  status: form.querySelector("[data-status]"),
  prompt: form.querySelector("[data-prompt]"),
  question: form.querySelector("[data-question]"),
  progress: document.querySelector("[data-progress]"),
  progressText: document.querySelector("[data-progress-text]"),
  undo: document.querySelector("[data-undo]"),
  help: document.querySelector("[data-help]"),
  keysOn: document.querySelector("[data-keys-on]"),
};
// An answer that the server has not confirmed outlives the page here. Storage may be absent or full: then the page
// itself keeps the answer, and asks before it is left.
const outbox = {
  key: `percept-unsent:${location.pathname}`,
  kept: false,
  put(fields) {
    this.kept = attempt(() => localStorage.setItem(this.key, fields.toString()) ?? true) === true;
  },
  take: () => attempt(() => localStorage.getItem(outbox.key)),
  clear() {
    this.kept = false;
    attempt(() => localStorage.removeItem(this.key));
  },
};
let ahead = []; // the next task's pictures, held so that the browser keeps them
let shownAt = performance.now(); // when the task was whole on the screen
let settlesAt = 0; // the first task may be answered at once
let busy = false;

page.status.textContent = "";
whenDecoded(pictures()).then(() => {
  shownAt = performance.now();
  loadAhead((form.dataset.ahead ?? "").split(" ").filter(Boolean));
});
form.addEventListener("submit", onAnswer);
form.addEventListener("rate:moved", onMoved);
page.undo.addEventListener("submit", onUndo);
document.addEventListener("keydown", onKey);
document.querySelector("[data-open-help]").addEventListener("click", openHelp);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
window.addEventListener("beforeunload", (event) => busy && !outbox.kept && event.preventDefault());
sendUnsent();

async function onAnswer(event) {
  event.preventDefault();
  const button = event.submitter;
  if (busy || !button || performance.now() < settlesAt) return;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("option", button.value);
  fields.set("client_milliseconds", millisecondsShown());
  const detail = { fields, option: button.value, wait: [] };
  if (!form.dispatchEvent(new CustomEvent("rate:answer", { detail, cancelable: true }))) return;
  button.dataset.chosen = "";
  setBusy(true);
  await Promise.all(detail.wait);
  outbox.put(detail.fields);
  await exchange(form.action, detail.fields, page.status.dataset.saving);
  delete button.dataset.chosen;
}

async function onUndo(event) {
  event.preventDefault();
  if (busy || page.undo.querySelector("button").disabled) return;
  await exchange(page.undo.action, new URLSearchParams(new FormData(page.undo)), page.status.dataset.undoing);
}

async function onMoved({ detail: reply }) {
  if (busy) return; // an answer is under way, and its reply says more
  setBusy(true);
  if (reply.task) await showTask(reply.task, reply.message);
  else if (reply.location) return leaveFor(reply.location);
  setBusy(false);
}

// What an earlier page of this rater could not deliver goes out first; its key keeps it from counting twice.
async function sendUnsent() {
  const unsent = outbox.take();
  if (unsent) await exchange(form.action, new URLSearchParams(unsent), page.status.dataset.saving);
}

// Sends, shows what came back. The answer is kept, and is sent again, until the server has said something.
async function exchange(address, fields, waiting) {
  setBusy(true);
  say(waiting);
  try {
    const reply = await sendUntilHeard(address, fields);
    outbox.clear();
    form.dispatchEvent(new CustomEvent("rate:told", { detail: reply }));
    if (reply.task) await showTask(reply.task, reply.message);
    else if (reply.location) return leaveFor(reply.location);
    else say(reply.message || page.status.dataset.failed, { trouble: true });
  } catch {
    say(page.status.dataset.failed, { trouble: true });
  }
  setBusy(false);
}

async function sendUntilHeard(address, fields) {
  for (let attempts = 0; ; attempts += 1) {
    try {
      const response = await fetch(address, {
        method: "POST",
        body: fields,
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        redirect: "error",
      });
      // The same key is sent each time, so an answer that did arrive is not stored twice.
      if (response.status < 500 && response.status !== 429) return await response.json();
    } catch {
      // No connection, or an answer cut short: both end in another attempt.
    }
    const seconds = RETRY_SECONDS[Math.min(attempts, RETRY_SECONDS.length - 1)];
    say(page.status.dataset.unsent, { trouble: true });
    await pause(seconds * (0.75 + Math.random() / 2));
  }
}

// Resolves after so many seconds, or as soon as the browser is back online.
function pause(seconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    window.addEventListener("online", done);
  });
}

async function showTask(task, message) {
  const old = pictures();
  const fresh = old.map((picture) => copyOf(picture, task));
  await whenDecoded(fresh);
  old.forEach((picture, place) => picture.replaceWith(fresh[place]));
  form.elements.slot.value = task.slot;
  form.elements.idempotency_key.value = task.idempotency_key;
  form.elements.client_milliseconds.value = "";
  page.question.textContent = task.question;
  if (page.prompt) showPrompt(task);
  showProgress(task);
  form.dispatchEvent(new CustomEvent("rate:task", { detail: task }));
  say(`${message || page.status.dataset.saved} ${page.status.dataset.place.replace("{1}", task.place).replace("{2}", task.places_total)}`);
  shownAt = performance.now();
  settlesAt = shownAt + SETTLE_MILLISECONDS;
  loadAhead(task.ahead ?? []);
}

// Loads the next task's pictures while this one is looked at: an answer then shows the next task at once.
function loadAhead(addresses) {
  ahead = addresses.map((address) => Object.assign(new Image(), { fetchPriority: "low", src: address }));
}

function showPrompt(task) {
  for (const part of ["before", "word", "after"]) form.querySelector(`[data-${part}]`).textContent = task[part];
  page.prompt.scrollTop = 0;
  if (form.contains(document.activeElement) || document.activeElement === document.body) {
    page.prompt.focus({ preventScroll: true });
  }
}

function showProgress(task) {
  const time = document.createElement("span");
  time.className = "rate-bar__time";
  time.textContent = ` · ${task.time_left}`;
  page.progressText.replaceChildren(task.place_text, time);
  page.progress.max = task.places_total;
  page.progress.value = task.place - 1;
  page.undo.querySelector("button").disabled = !task.can_undo;
}

function pictures() {
  return [...form.querySelectorAll("[data-picture]")];
}

// A copy of the picture with the new task's address. A picture that fails is shown as such.
function copyOf(picture, task) {
  const copy = picture.cloneNode();
  copy.width = task.width;
  copy.height = task.height;
  copy.src = task.pictures[picture.dataset.picture];
  return copy;
}

function whenDecoded(images) {
  return Promise.allSettled(images.map((image) => image.decode()));
}

function millisecondsShown() {
  return String(Math.min(Math.round(performance.now() - shownAt), LONGEST_MILLISECONDS));
}

function setBusy(value) {
  busy = value;
  page.answers.toggleAttribute("data-busy", value);
  page.answers.setAttribute("aria-busy", String(value));
}

function say(text, { trouble = false } = {}) {
  page.status.textContent = text;
  page.status.toggleAttribute("data-trouble", trouble);
}

function leaveFor(address) {
  busy = false;
  location.assign(address);
}

function onKey(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !page.keysOn.checked) return;
  if (page.help.open || isForField(event)) return;
  const answer = form.querySelector(`[data-keys~="${CSS.escape(event.key)}"]`);
  if (answer) form.requestSubmit(answer);
  else if (event.key === "u" || event.key === "U") page.undo.requestSubmit();
  else if (event.key === "?") openHelp(event);
  else return;
  event.preventDefault();
}

// Whether a field takes the key itself: letters in a search box, arrows on a slider or among radio buttons.
function isForField({ target, key }) {
  if (target.type === "range" || target.type === "radio") return key.startsWith("Arrow");
  return Boolean(target.closest?.("input:not([type=checkbox])"));
}

function openHelp(event) {
  event.preventDefault();
  page.help.showModal();
}

function attempt(act) {
  try {
    return act();
  } catch {
    return undefined; // private windows and blocked storage throw
  }
}
