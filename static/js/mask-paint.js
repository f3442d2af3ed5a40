// A drawing's colours on its canvas. Only what has changed is worked out again, so that a stroke costs the same on an
// image of any size.

const PAINT = [255, 90, 60]; // over photographs of any colour, beside the slider for its strength
const EDGE = colour(255, 255, 255, 255);

export class Painter {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    this.picture = this.context.createImageData(canvas.width, canvas.height);
    this.colours = new Uint32Array(this.picture.data.buffer);
    this.strength = -1;
    this.marked = false;
  }

  // Puts up what has changed of the drawing since the last call; strength is the paint's, in percent. mark: draws over
  // it what is no part of it (corners, pointer), or null.
  paint(drawing, strength, mark) {
    if (strength !== this.strength) drawing.touchAll();
    this.strength = strength;
    const changed = drawing.takeChanged();
    if (changed) this.#colour(drawing, changed);
    const whole = { left: 0, top: 0, right: drawing.width, bottom: drawing.height };
    const put = mark || this.marked ? whole : changed;
    if (put) {
      const { left, top, right, bottom } = put;
      this.context.putImageData(this.picture, 0, 0, left, top, right - left, bottom - top);
    }
    this.marked = Boolean(mark);
    mark?.(this.context);
  }

  #colour(drawing, { left, top, right, bottom }) {
    const { pixels, width } = drawing;
    const inside = colour(...PAINT, Math.round(255 * (this.strength / 100)));
    for (let row = top; row < bottom; row += 1) {
      for (let place = row * width + left; place < row * width + right; place += 1) {
        if (!pixels[place]) this.colours[place] = 0;
        else this.colours[place] = drawing.isEdge(place) ? EDGE : inside;
      }
    }
  }
}

// The four bytes of a pixel as one number, in this machine's order of bytes.
function colour(...bytes) {
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0];
}
