// Shows what the run on the form would cost while it is filled in, and takes a chosen model's own settings at once.

const price = document.querySelector("[data-price]");
const form = price?.closest("form");
let timer;
let asked = 0;

async function update() {
  const query = new URLSearchParams(new FormData(form));
  query.delete("csrfmiddlewaretoken");
  const mine = ++asked;
  const answer = await fetch(`${price.dataset.price}?${query}`).catch(() => null);
  if (answer?.ok && mine === asked) price.innerHTML = await answer.text();
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(update, 300);
});

form?.elements.model.addEventListener("change", () => {
  form.querySelector("[data-prefill]").click();
});
