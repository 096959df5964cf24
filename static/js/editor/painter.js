import { intersection, tilesOf, union, whole } from "./rect.js";

const TILE = 512; // px; multiple of 8

/**
 * The coloured picture of one mask, or of two that are compared. It is kept in tiles of canvas that exist only where
 * something is drawn, and a change repaints its own rectangle alone.
 */
export class Painter {
  #tiles = new Map();
  #palette = null;

  /**
   * Choose what is painted. `colours` are [r, g, b] for pixels of the mask alone, of the reference alone, of both.
   * Nothing is painted until it is drawn.
   */
  show(mask, { reference = null, colours }) {
    this.mask = mask;
    this.reference = reference;
    // Index: bit 1 the mask, bit 0 the reference. Canvas pixels are bytes r, g, b, a: little-endian words.
    const [only, referenceOnly, both] = colours.map(([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
    this.#palette = Uint32Array.of(0, referenceOnly, only, both);
    this.#tiles.clear();
  }

  /** The pixels of `rect` are different now. */
  invalidate(rect) {
    for (const tile of tilesOf(rect, TILE)) {
      const entry = this.#tiles.get(`${tile.column},${tile.row}`);
      if (entry) entry.stale = union(entry.stale, intersection(rect, this.#area(tile)));
    }
  }

  /**
   * Draw the tiles that touch `rect` (image pixels). `place` maps an x or y of the image to whole device pixels, so
   * that neighbouring tiles meet without a seam.
   */
  draw(context, rect, place) {
    for (const tile of tilesOf(intersection(rect, whole(this.mask)), TILE)) {
      const canvas = this.#painted(tile);
      if (!canvas) continue;
      const { x0, y0, x1, y1 } = this.#area(tile);
      const [left, top] = [place.x(x0), place.y(y0)];
      context.drawImage(canvas, left, top, place.x(x1) - left, place.y(y1) - top);
    }
  }

  /** The canvas of a tile, up to date; null while nothing was ever set there. */
  #painted(tile) {
    const key = `${tile.column},${tile.row}`;
    if (!this.#tiles.has(key)) this.#tiles.set(key, { canvas: null, stale: this.#area(tile) });
    const entry = this.#tiles.get(key);
    if (entry.stale) {
      const area = this.#area(tile);
      const picture = this.#picture(entry.stale);
      if (picture && !entry.canvas) entry.canvas = newCanvas(area.x1 - area.x0, area.y1 - area.y0);
      if (entry.canvas) paint(entry.canvas, picture, entry.stale, area);
      entry.stale = null;
    }
    return entry.canvas;
  }

  /** The colours of `rect` as ImageData, or null where no pixel is set. */
  #picture(rect) {
    const width = rect.x1 - rect.x0;
    let data = null;
    for (let y = rect.y0; y < rect.y1; y += 1) {
      const row = y * this.mask.stride;
      for (let column = rect.x0 >> 3; column * 8 < rect.x1; column += 1) {
        const mask = this.mask.data[row + column];
        const reference = this.reference ? this.reference.data[row + column] : 0;
        if ((mask | reference) === 0) continue;
        data ??= new Uint32Array(width * (rect.y1 - rect.y0));
        const from = Math.max(column * 8, rect.x0);
        const to = Math.min(column * 8 + 8, rect.x1);
        const start = (y - rect.y0) * width - rect.x0;
        for (let x = from; x < to; x += 1) {
          const shift = 7 - (x & 7);
          data[start + x] = this.#palette[(((mask >> shift) & 1) << 1) | ((reference >> shift) & 1)];
        }
      }
    }
    return data && new ImageData(new Uint8ClampedArray(data.buffer), width);
  }

  #area({ column, row }) {
    const { width, height } = this.mask;
    return {
      x0: column * TILE,
      y0: row * TILE,
      x1: Math.min((column + 1) * TILE, width),
      y1: Math.min((row + 1) * TILE, height),
    };
  }
}

function paint(canvas, picture, rect, area) {
  const context = canvas.getContext("2d");
  const [x, y] = [rect.x0 - area.x0, rect.y0 - area.y0];
  if (picture) context.putImageData(picture, x, y);
  else context.clearRect(x, y, rect.x1 - rect.x0, rect.y1 - rect.y0);
}

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
