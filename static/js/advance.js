// Goes on with something long, step by step: <div data-advance="URL">…<form data-advance-form>…</form></div>.
// Each step is a POST whose answer replaces the part; X-Poll-Stop ends it. Without scripts the form's button does a step.

async function advance(part) {
  for (;;) {
    const form = part.querySelector("[data-advance-form]");
    if (!form) return;
    form.hidden = true;
    try {
      const answer = await fetch(part.dataset.advance, { method: "POST", headers: { "X-Fragment": "1" }, body: new FormData(form) });
      if (!answer.ok) throw new Error(String(answer.status));
      part.innerHTML = await answer.text();
      if (answer.headers.has("X-Poll-Stop")) return;
    } catch {
      form.hidden = false; // the button is the way to try again
      return;
    }
  }
}

for (const part of document.querySelectorAll("[data-advance]:not([data-advance-done])")) advance(part);
