/** Rectangles {x0, y0, x1, y1} of whole pixels; x1 and y1 are just outside. `null` is the empty rectangle. */

export function union(a, b) {
  if (!a || !b) return a || b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

export function intersection(a, b) {
  if (!a || !b) return null;
  const rect = {
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  };
  return rect.x0 < rect.x1 && rect.y0 < rect.y1 ? rect : null;
}

/** All of a bitmap, or of anything else with a width and a height. */
export function whole({ width, height }) {
  return { x0: 0, y0: 0, x1: width, y1: height };
}

/** Column and row of every tile of `size` pixels that `rect` touches. */
export function* tilesOf(rect, size) {
  if (!rect) return;
  for (let row = Math.floor(rect.y0 / size); row * size < rect.y1; row += 1) {
    for (let column = Math.floor(rect.x0 / size); column * size < rect.x1; column += 1) yield { column, row };
  }
}
