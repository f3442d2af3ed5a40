// Makes the rating page quick: one round trip per answer, keys, retries. Without this file the page is a plain form.
//
// The answer's JSON carries the next task. Its images are decoded before anything changes on the page, so that a
// rater never sees a word beside the wrong image.

const SETTLE_MILLISECONDS = 350; // a second click of a double click must not answer the next task
const RETRY_SECONDS = [1, 2, 4, 8, 15];
const LONGEST_MILLISECONDS = 2 ** 31 - 1;
const VIEWS = ["both", "image", "map", "overlay"];

const form = document.querySelector("[data-rate]");
const page = {
  answers: form.querySelector("[data-answers]"),
  status: form.querySelector("[data-status]"),
  prompt: form.querySelector("[data-prompt]"),
  image: form.querySelector("[data-image]"),
  map: form.querySelector("[data-map]"),
  progress: document.querySelector("[data-progress]"),
  progressText: document.querySelector("[data-progress-text]"),
  undo: document.querySelector("[data-undo]"),
  help: document.querySelector("[data-help]"),
  keysOn: document.querySelector("[data-keys-on]"),
};
let shownAt = performance.now(); // when the task was whole on the screen
let settlesAt = 0; // the first task may be answered at once
let busy = false;

page.status.textContent = "";
whenDecoded([page.image, page.map]).then(() => {
  shownAt = performance.now();
});
form.addEventListener("submit", onAnswer);
page.undo.addEventListener("submit", onUndo);
document.addEventListener("keydown", onKey);
document.querySelector("[data-open-help]").addEventListener("click", openHelp);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
window.addEventListener("beforeunload", (event) => busy && event.preventDefault());

async function onAnswer(event) {
  event.preventDefault();
  const button = event.submitter;
  if (busy || !button || performance.now() < settlesAt) return;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("option", button.value);
  fields.set("client_milliseconds", millisecondsShown());
  button.dataset.chosen = "";
  await exchange(form.action, fields, "Saving…");
  delete button.dataset.chosen;
}

async function onUndo(event) {
  event.preventDefault();
  if (busy || page.undo.querySelector("button").disabled) return;
  await exchange(page.undo.action, new URLSearchParams(new FormData(page.undo)), "Taking back…");
}

// Sends, shows what came back. The answer stays in the page, and is sent again, until the server has said something.
async function exchange(address, fields, waiting) {
  setBusy(true);
  say(waiting);
  try {
    const reply = await sendUntilHeard(address, fields);
    if (reply.task) await showTask(reply.task, reply.message);
    else if (reply.location) return leaveFor(reply.location);
    else say(reply.message || "That did not work. Please reload the page.", { trouble: true });
  } catch {
    say("Something went wrong here. Please reload the page; saved answers are safe.", { trouble: true });
  }
  setBusy(false);
}

async function sendUntilHeard(address, fields) {
  for (let attempt = 0; ; attempt += 1) {
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
    const seconds = RETRY_SECONDS[Math.min(attempt, RETRY_SECONDS.length - 1)];
    say("Saving… no connection yet. Your answer is kept here and will be sent again.", { trouble: true });
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
  const [image, map] = await Promise.all([load(page.image, task.image_url, task), load(page.map, task.map_url, task)]);
  page.image.replaceWith(image);
  page.map.replaceWith(map);
  page.image = image;
  page.map = map;
  form.elements.slot_id.value = task.slot_id;
  form.elements.idempotency_key.value = task.idempotency_key;
  form.elements.client_milliseconds.value = "";
  for (const part of ["before", "word", "after"]) form.querySelector(`[data-${part}]`).textContent = task[part];
  showProgress(task);
  page.prompt.scrollTop = 0;
  if (form.contains(document.activeElement) || document.activeElement === document.body) {
    page.prompt.focus({ preventScroll: true });
  }
  say(`${message || "Saved."} Question ${task.place} of ${task.places_total}.`);
  shownAt = performance.now();
  settlesAt = shownAt + SETTLE_MILLISECONDS;
}

function showProgress(task) {
  const time = document.createElement("span");
  time.className = "rate-bar__time";
  time.textContent = ` · ${task.time_left}`;
  page.progressText.replaceChildren(`${task.place} of ${task.places_total}`, time);
  page.progress.max = task.places_total;
  page.progress.value = task.place - 1;
  page.undo.querySelector("button").disabled = !task.can_undo;
}

// A copy of the picture with the new address, once the browser has its pixels. A picture that fails is shown as such.
async function load(old, address, task) {
  const picture = old.cloneNode();
  picture.width = task.width;
  picture.height = task.height;
  picture.src = address;
  await whenDecoded([picture]);
  return picture;
}

function whenDecoded(pictures) {
  return Promise.allSettled(pictures.map((picture) => picture.decode()));
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
  if (page.help.open) return;
  const answer = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (answer) form.requestSubmit(answer);
  else if (event.key === "u" || event.key === "U") page.undo.requestSubmit();
  else if (event.key === "v" || event.key === "V") showNextView();
  else if (event.key === "?") openHelp(event);
  else return;
  event.preventDefault();
}

function showNextView() {
  const place = VIEWS.indexOf(form.elements.view.value);
  form.elements.view.value = VIEWS[(place + 1) % VIEWS.length];
}

function openHelp(event) {
  event.preventDefault();
  page.help.showModal();
}
