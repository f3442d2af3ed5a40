// A drawing as pixels, one byte each, without smoothed edges; its strokes can be taken back and made again. No page.

const MOST_KEPT_BYTES = 40_000_000; // of strokes to take back, whatever the size of the image

export class Drawing {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height);
    this.before = [];
    this.after = [];
    this.touchAll();
  }

  // The rectangle that has changed since the last call, with the neighbours whose edges may have: left and top
  // inclusive, right and bottom exclusive. Null where nothing has.
  takeChanged() {
    const { changed } = this;
    this.changed = null;
    return changed;
  }

  touchAll() {
    this.changed = { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  #touch(left, top, right, bottom) {
    const old = this.changed ?? { left: this.width, top: this.height, right: 0, bottom: 0 };
    this.changed = {
      left: Math.max(0, Math.min(old.left, left - 1)),
      top: Math.max(0, Math.min(old.top, top - 1)),
      right: Math.min(this.width, Math.max(old.right, right + 1)),
      bottom: Math.min(this.height, Math.max(old.bottom, bottom + 1)),
    };
  }

  // Lays a drawing from elsewhere under this one and under everything that its strokes can be taken back to.
  layUnder(inside) {
    for (const pixels of [this.pixels, ...this.before, ...this.after]) {
      for (let place = 0; place < pixels.length; place += 1) if (inside(place)) pixels[place] = 1;
    }
    this.touchAll();
  }

  get isEmpty() {
    return !this.pixels.includes(1);
  }

  // Whether a painted pixel has a neighbour that isn't.
  isEdge(place) {
    const column = place % this.width;
    const { pixels, width } = this;
    if (column > 0 && !pixels[place - 1]) return true;
    if (column < width - 1 && !pixels[place + 1]) return true;
    return pixels[place - width] === 0 || pixels[place + width] === 0;
  }

  // To be called before a stroke changes anything.
  begin() {
    this.before.push(this.pixels.slice());
    if (this.before.length * this.pixels.length > MOST_KEPT_BYTES) this.before.shift();
    this.after = [];
  }

  undo() {
    return this.#move(this.before, this.after);
  }

  redo() {
    return this.#move(this.after, this.before);
  }

  #move(from, to) {
    if (from.length === 0) return false;
    to.push(this.pixels);
    this.pixels = from.pop();
    this.touchAll();
    return true;
  }

  // A line as wide as the brush from one point to the next, both in pixels of the image.
  line(from, to, radius, value) {
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(0.5, radius / 2)));
    for (let step = 0; step <= steps; step += 1) {
      const share = step / steps;
      this.#disc(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share, radius, value);
    }
  }

  #disc(x, y, radius, value) {
    const reach = Math.max(radius, 0.5);
    for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(this.height - 1, y + reach); row += 1) {
      const half = Math.sqrt(Math.max(0, reach ** 2 - (row + 0.5 - y) ** 2));
      const first = Math.max(0, Math.ceil(x - half - 0.5));
      const last = Math.min(this.width - 1, Math.floor(x + half - 0.5));
      if (last >= first) this.pixels.fill(value, row * this.width + first, row * this.width + last + 1);
    }
    this.#touch(Math.floor(x - reach), Math.floor(y - reach), Math.ceil(x + reach), Math.ceil(y + reach));
  }

  // Everything within the corners, by the even-odd rule, at the centre of each pixel.
  polygon(corners, value) {
    for (let row = 0; row < this.height; row += 1) {
      const crossings = [];
      corners.forEach((one, place) => {
        const other = corners[(place + 1) % corners.length];
        const y = row + 0.5;
        if (one.y > y !== other.y > y) crossings.push(one.x + ((y - one.y) / (other.y - one.y)) * (other.x - one.x));
      });
      crossings.sort((one, other) => one - other);
      for (let place = 0; place + 1 < crossings.length; place += 2) {
        const first = Math.max(0, Math.ceil(crossings[place] - 0.5));
        const last = Math.min(this.width - 1, Math.ceil(crossings[place + 1] - 0.5) - 1);
        if (last >= first) this.pixels.fill(value, row * this.width + first, row * this.width + last + 1);
      }
    }
    this.touchAll();
  }

  // The hole around a point: every unpainted pixel that can be reached without crossing paint.
  fill(point) {
    const start = Math.floor(point.y) * this.width + Math.floor(point.x);
    if (this.pixels[start] !== 0) return false;
    const open = [start];
    this.pixels[start] = 1;
    while (open.length) {
      const place = open.pop();
      const column = place % this.width;
      if (column > 0) this.#paint(place - 1, open);
      if (column < this.width - 1) this.#paint(place + 1, open);
      this.#paint(place - this.width, open);
      this.#paint(place + this.width, open);
    }
    this.touchAll();
    return true;
  }

  #paint(place, open) {
    if (this.pixels[place] !== 0) return; // also beyond the edges, where it is undefined
    this.pixels[place] = 1;
    open.push(place);
  }

  // A PNG of one bit a pixel, white where painted. Made by hand: some browsers blur what they read off a canvas.
  async png() {
    const stride = Math.ceil(this.width / 8) + 1; // the first byte of a row says that it is not filtered
    const rows = new Uint8Array(stride * this.height);
    for (let row = 0, place = 0; row < this.height; row += 1) {
      for (let column = 0; column < this.width; column += 1, place += 1) {
        if (this.pixels[place]) rows[row * stride + 1 + (column >> 3)] |= 0x80 >> (column & 7);
      }
    }
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, this.width);
    header.setUint32(4, this.height);
    header.setUint8(8, 1); // bits a pixel; grey, the default methods, not interlaced
    const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
    const parts = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", await zlib(rows)), chunk("IEND", new Uint8Array())];
    return new Blob([signature, ...parts], { type: "image/png" });
  }
}

async function zlib(bytes) {
  if (typeof CompressionStream === "function") {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  return stored(bytes);
}

// The zlib format without compression, for browsers that can't compress.
function stored(bytes) {
  const parts = [Uint8Array.of(0x78, 0x01)];
  for (let start = 0; start < bytes.length; start += 0xffff) {
    const piece = bytes.subarray(start, start + 0xffff);
    const last = start + piece.length === bytes.length ? 1 : 0;
    parts.push(Uint8Array.of(last, piece.length & 255, piece.length >> 8, ~piece.length & 255, (~piece.length >> 8) & 255), piece);
  }
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  parts.push(Uint8Array.of(high >> 8, high & 255, low >> 8, low & 255));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, checksum(bytes.subarray(4, content.length + 8)));
  return bytes;
}

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}
