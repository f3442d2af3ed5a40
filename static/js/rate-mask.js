// The drawing page: pointers (mouse, pen, fingers) and keys become strokes; each stroke's end keeps a draft on the
// server, so that the drawing goes on after a reload and on another device.

import { Painter } from "./mask-paint.js";
import { Drawing } from "./mask-pixels.js";

const RETRY_MILLISECONDS = 3000;
const LARGEST_ZOOM = 16;
const STEP = 4; // pixels of the image per arrow key; one with Shift

const form = document.querySelector("[data-rate]");
const box = form.querySelector("[data-mask]");
const frame = box.querySelector("[data-frame]");
const sheet = box.querySelector("[data-sheet]");
const canvas = box.querySelector("[data-canvas]");
const size = box.querySelector("[data-size]");
const strength = box.querySelector("[data-strength]");
const closeButton = box.querySelector("[data-act=close]");
const done = form.querySelector("[data-done]");
const state = box.querySelector("[data-draft-state]");

let drawing;
let painter;
let frameAsked = false;
// loaded: until the drawing that was kept before is here, nothing is sent that would replace it.
let draft = { number: 0, sending: false, waiting: false, slot: "", loaded: Promise.resolve() };
let sight = { scale: 1, x: 0, y: 0 };
let corners = [];
let cursor = null; // where the keys point, in pixels of the image
let stroke = null; // the last point of the stroke under way
const pointers = new Map();

box.querySelector("[data-tools]").hidden = false;
box.querySelector("[data-tool-choice]").disabled = false;
start({ width: canvas.width, height: canvas.height, draft_url: box.dataset.draft, draft_number: Number(box.dataset.draftNumber) });
form.addEventListener("rate:task", ({ detail }) => start(detail));
form.addEventListener("rate:answer", onAnswer);
form.addEventListener("rate:lay", ({ detail }) => { draft.loaded = detail.then((picture) => layUnder(drawing, picture)); });
frame.addEventListener("pointerdown", onDown);
frame.addEventListener("pointermove", onMove);
for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, onUp);
frame.addEventListener("wheel", onWheel, { passive: false });
frame.addEventListener("dblclick", closePolygon);
document.addEventListener("keydown", onKey);
strength.addEventListener("input", show);
box.addEventListener("change", (event) => event.target.name === "tool" && dropPolygon());
for (const button of box.querySelectorAll("[data-act]")) button.addEventListener("click", () => act(button.dataset.act));

// Puts up an empty drawing, or the one that was kept.
function start(task) {
  drawing = new Drawing(task.width, task.height);
  Object.assign(canvas, { width: task.width, height: task.height });
  painter = new Painter(canvas);
  draft = { number: task.draft_number, sending: false, waiting: false, slot: form.elements.slot.value };
  draft.loaded = task.draft_url ? bringBack(task.draft_url, draft) : Promise.resolve();
  state.textContent = "";
  sight = { scale: 1, x: 0, y: 0 };
  dropPolygon();
  look();
  show();
}

// Fetches the drawing that was kept and lays it under the strokes made meanwhile; tries until it is there or gone.
async function bringBack(address, mine) {
  const under = drawing;
  while (mine === draft) {
    try {
      const reply = await fetch(address, { credentials: "same-origin" });
      if (reply.ok) layUnder(under, await createImageBitmap(await reply.blob()));
      if (reply.status < 500) return;
    } catch {
      // No connection, or a picture cut short: both end in another attempt.
    }
    if (mine === draft) state.textContent = box.dataset.notFetched;
    await pause();
  }
}

function layUnder(under, picture) {
  const paper = new OffscreenCanvas(under.width, under.height).getContext("2d");
  paper.drawImage(picture, 0, 0);
  const { data } = paper.getImageData(0, 0, under.width, under.height);
  under.layUnder((place) => data[4 * place] > 127);
  if (under !== drawing) return;
  state.textContent = "";
  show();
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
}

// Puts up the drawing with the next frame, however much happens before it.
function show() {
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => {
    frameAsked = false;
    painter.paint(drawing, Number(strength.value), corners.length || cursor ? showCorners : null);
    done.disabled = drawing.isEmpty;
    box.querySelector("[data-act=undo]").disabled = drawing.before.length === 0 && corners.length === 0;
    box.querySelector("[data-act=redo]").disabled = drawing.after.length === 0;
    closeButton.hidden = tool() !== "polygon";
    closeButton.disabled = corners.length < 3;
  });
}

function showCorners(context) {
  const width = Math.max(1, drawing.width / 300);
  if (corners.length) {
    for (const [colour, wide] of [["black", 3 * width], ["white", width]]) {
      context.beginPath();
      corners.forEach((corner) => context.lineTo(corner.x, corner.y));
      context.lineWidth = wide;
      context.strokeStyle = colour;
      context.stroke();
    }
    for (const corner of corners) spot(context, corner, 2.5 * width);
  }
  if (cursor) spot(context, cursor, tool() === "brush" || tool() === "eraser" ? radius() : 3 * width);
}

function spot(context, point, reach) {
  for (const [colour, wide] of [["black", 3], ["white", 1]]) {
    context.beginPath();
    context.arc(point.x, point.y, reach, 0, 2 * Math.PI);
    context.lineWidth = wide * Math.max(1, drawing.width / 500);
    context.strokeStyle = colour;
    context.stroke();
  }
}

function tool() {
  return form.elements.tool.value;
}

// Half the brush's width in pixels of the image; the slider counts in thousandths of its larger side.
function radius(pressure = 0.5) {
  const full = (size.value / 500) * Math.max(drawing.width, drawing.height);
  return (full / 2) * (0.5 + pressure);
}

function pointOf(event) {
  const place = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - place.left) / place.width) * drawing.width,
    y: ((event.clientY - place.top) / place.height) * drawing.height,
  };
}

// A pen presses; a mouse and most fingers say 0.5 or nothing.
function pressureOf(event) {
  return event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 0.5;
}

function onDown(event) {
  if (event.button > 1) return;
  event.preventDefault();
  frame.focus({ preventScroll: true });
  frame.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  cursor = null;
  if (pointers.size === 2) return takeStrokeBack();
  if (pointers.size > 2 || tool() === "pan" || event.button === 1) return;
  const point = pointOf(event);
  if (tool() === "polygon") addCorner(point);
  else if (tool() === "fill") fillAt(point);
  else beginStroke(point, pressureOf(event));
}

function onMove(event) {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  if (stroke && pointers.size === 1) {
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) drawTo(pointOf(one), pressureOf(one));
    show();
  } else if (pointers.size === 2) pinch(event, last);
  else if (tool() === "pan" || event.buttons === 4) shift(event.clientX - last.x, event.clientY - last.y);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
}

function onUp(event) {
  pointers.delete(event.pointerId);
  if (stroke) endStroke();
}

function beginStroke(point, pressure) {
  drawing.begin();
  stroke = point;
  drawTo(point, pressure);
  show();
}

function drawTo(point, pressure) {
  drawing.line(stroke, point, radius(pressure), tool() === "eraser" ? 0 : 1);
  stroke = point;
}

function endStroke() {
  stroke = null;
  keep();
}

// The first of two fingers drew a dot before the second came: that was no stroke.
function takeStrokeBack() {
  if (!stroke) return;
  stroke = null;
  drawing.undo();
  drawing.after = [];
  show();
}

function fillAt(point) {
  if (point.x < 0 || point.y < 0 || point.x >= drawing.width || point.y >= drawing.height) return;
  drawing.begin();
  if (drawing.fill(point)) keep();
  else drawing.before.pop();
  show();
}

function addCorner(point) {
  corners.push(point);
  show();
}

function closePolygon() {
  if (corners.length < 3) return;
  drawing.begin();
  drawing.polygon(corners, 1);
  dropPolygon();
  keep();
}

function dropPolygon() {
  corners = [];
  show();
}

function act(name) {
  if (name === "undo" && corners.length) corners.pop();
  else if (name === "undo" && drawing.undo()) keep();
  else if (name === "redo" && drawing.redo()) keep();
  else if (name === "zoom-in") zoom(1.5);
  else if (name === "zoom-out") zoom(1 / 1.5);
  else if (name === "fit") sight = { scale: 1, x: 0, y: 0 };
  else if (name === "close") closePolygon();
  look();
  show();
}

function zoom(factor, at = null) {
  const place = frame.getBoundingClientRect();
  const middle = at ?? { x: place.width / 2, y: place.height / 2 };
  const scale = Math.min(LARGEST_ZOOM, Math.max(1, sight.scale * factor));
  const share = scale / sight.scale;
  sight = { scale, x: middle.x - (middle.x - sight.x) * share, y: middle.y - (middle.y - sight.y) * share };
  look();
}

function shift(x, y) {
  sight.x += x;
  sight.y += y;
  look();
}

// Two fingers: their middle moves the image, their distance zooms it.
function pinch(event, last) {
  const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
  const place = frame.getBoundingClientRect();
  const now = { x: event.clientX, y: event.clientY };
  const distance = (one) => Math.max(10, Math.hypot(one.x - other.x, one.y - other.y));
  shift((now.x - last.x) / 2, (now.y - last.y) / 2);
  zoom(distance(now) / distance(last), { x: (now.x + other.x) / 2 - place.left, y: (now.y + other.y) / 2 - place.top });
}

// The image never leaves its frame.
function look() {
  const place = frame.getBoundingClientRect();
  sight.x = Math.min(0, Math.max(place.width * (1 - sight.scale), sight.x));
  sight.y = Math.min(0, Math.max(place.height * (1 - sight.scale), sight.y));
  sheet.style.transform = `translate(${sight.x}px, ${sight.y}px) scale(${sight.scale})`;
}

function onWheel(event) {
  event.preventDefault();
  const place = frame.getBoundingClientRect();
  if (event.ctrlKey) return zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, { x: event.clientX - place.left, y: event.clientY - place.top });
  return resize(event.deltaY < 0 ? 2 : -2);
}

function resize(by) {
  size.value = Number(size.value) + by;
  show();
}

function onKey(event) {
  if (document.querySelector("[data-help]").open || event.target.closest?.("input[type=range]")) return;
  if ((event.ctrlKey || event.metaKey) && /^[zy]$/i.test(event.key)) {
    event.preventDefault();
    return act(/y/i.test(event.key) || event.shiftKey ? "redo" : "undo");
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !document.querySelector("[data-keys-on]").checked) return;
  if (document.activeElement === frame && pointByKey(event)) return event.preventDefault();
  const tools = { b: "brush", e: "eraser", p: "polygon", f: "fill", m: "pan" };
  const acts = { "+": "zoom-in", "-": "zoom-out", 0: "fit" };
  if (tools[event.key.toLowerCase()]) {
    form.elements.tool.value = tools[event.key.toLowerCase()];
    dropPolygon();
  } else if (acts[event.key]) act(acts[event.key]);
  else if (event.key === "[" || event.key === "]") resize(event.key === "]" ? 4 : -4);
}

// Arrows move the pointer, the space bar draws where it is, Enter closes a polygon. True where the key was used.
function pointByKey(event) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  if (event.key === "Enter" && corners.length) {
    closePolygon();
    return true;
  }
  if (!way && event.key !== " ") return false;
  const from = cursor ?? { x: drawing.width / 2, y: drawing.height / 2 };
  const step = event.shiftKey ? 1 : STEP * Math.max(1, drawing.width / 256);
  const [right, down] = way ?? [0, 0];
  cursor = {
    x: Math.min(drawing.width - 0.5, Math.max(0.5, from.x + right * step)),
    y: Math.min(drawing.height - 0.5, Math.max(0.5, from.y + down * step)),
  };
  if (event.key === " " && !event.repeat) useAt(cursor);
  show();
  return true;
}

function useAt(point) {
  if (tool() === "polygon") return addCorner({ ...point });
  if (tool() === "fill") return fillAt(point);
  beginStroke({ ...point }, 0.5);
  return endStroke();
}

function onAnswer(event) {
  const { fields, option, wait } = event.detail;
  fields.delete("tool");
  if (option !== "drawn") return;
  if (drawing.isEmpty) {
    event.preventDefault();
    form.querySelector("[data-status]").textContent = box.dataset.empty;
    return;
  }
  wait.push(draft.loaded.then(encoded).then((text) => fields.set("mask", text)));
}

// Sends the newest drawing; strokes made meanwhile go out together afterwards.
async function keep() {
  form.dispatchEvent(new CustomEvent("rate:drawn", { detail: encoded }));
  if (!box.dataset.draftAddress) return; // a preview keeps nothing
  draft.number += 1;
  draft.waiting = true;
  const mine = draft;
  if (mine.sending) return;
  mine.sending = true;
  await mine.loaded;
  while (mine.waiting && mine === draft) {
    mine.waiting = false;
    const body = new URLSearchParams({ slot: mine.slot, number: mine.number, mask: await encoded() });
    const reply = await send(body);
    if (mine !== draft) return;
    state.textContent = box.dataset[reply.outcome];
    if (reply.outcome === "moved") form.dispatchEvent(new CustomEvent("rate:moved", { detail: reply.told }));
    if (reply.outcome === "notKept") {
      mine.waiting = true;
      await pause();
    }
  }
  mine.sending = false;
}

// What became of a draft: kept, refused for good, moved (the task is no longer hers), or notKept so far.
async function send(body) {
  try {
    const options = { method: "POST", body, headers: { Accept: "application/json" }, credentials: "same-origin" };
    const reply = await fetch(box.dataset.draftAddress, options);
    if (reply.ok) return { outcome: "kept" };
    if (reply.status === 409) return { outcome: "moved", told: await reply.json() };
    return { outcome: reply.status < 500 && reply.status !== 429 ? "refused" : "notKept" };
  } catch {
    return { outcome: "notKept" };
  }
}

// The drawing as a PNG in base64 for addresses, without padding.
async function encoded() {
  const bytes = new Uint8Array(await (await drawing.png()).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
