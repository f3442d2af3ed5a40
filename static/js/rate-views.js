// The map viewer's comforts: V goes to the next view, the slider sets the overlay's opacity, holding H or the button
// hides the map for as long as it is held. What was last shown goes with the answer.

const VIEWS = ["both", "image", "map", "overlay"];
const form = document.querySelector("[data-rate]");
const opacity = form.querySelector("[data-opacity]");
const hide = form.querySelector("[data-hide]");

if (opacity) {
  opacity.addEventListener("input", showOpacity);
  hide.addEventListener("pointerdown", (event) => {
    hide.setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) hide.addEventListener(end, () => hold(false));
  hide.addEventListener("contextmenu", (event) => event.preventDefault());
  hide.addEventListener("keydown", (event) => event.key === " " && hold(true));
  hide.addEventListener("blur", () => hold(false));
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => (event.key === "h" || event.key === "H" || event.key === " ") && hold(false));
  form.addEventListener("rate:answer", ({ detail }) => detail.fields.set("view", shown()));
  opacity.closest("[hidden]")?.removeAttribute("hidden");
  showOpacity();
}

// The view's name; an overlay with its opacity in percent.
function shown() {
  const view = form.elements.view?.value ?? "overlay";
  return view === "overlay" ? `overlay-${opacity.value}` : view;
}

function showOpacity() {
  form.querySelector("[data-stage]").style.setProperty("--map-opacity", opacity.value / 100);
}

function hold(value) {
  form.querySelector("[data-stage]").toggleAttribute("data-hidden-map", value);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[data-help]").open) return;
  if (!document.querySelector("[data-keys-on]").checked) return;
  if (event.key === "h" || event.key === "H") hold(true);
  else if ((event.key === "v" || event.key === "V") && !event.repeat) showNextView();
}

function showNextView() {
  const radios = [...form.querySelectorAll("[name=view]")].map((radio) => radio.value);
  const order = VIEWS.filter((view) => radios.includes(view));
  form.elements.view.value = order[(order.indexOf(form.elements.view.value) + 1) % order.length];
}
