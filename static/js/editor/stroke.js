import { intersection, whole } from "./rect.js";

/**
 * Where a brush of `size` pixels sits for a pointer at `point`: a pixel's centre for odd sizes, a corner for even ones,
 * so that a brush of n pixels is n pixels wide wherever it is put.
 */
export function snap(point, size) {
  const place = (value) => (size % 2 ? Math.floor(value) + 0.5 : Math.round(value));
  return { x: place(point.x), y: place(point.y) };
}

/** The pixels that a brush of `size` may change on its way between two points, clipped to `bitmap`. */
export function strokeBounds(bitmap, from, to, size) {
  const radius = size / 2;
  return intersection(whole(bitmap), {
    x0: Math.floor(Math.min(from.x, to.x) - radius),
    y0: Math.floor(Math.min(from.y, to.y) - radius),
    x1: Math.ceil(Math.max(from.x, to.x) + radius),
    y1: Math.ceil(Math.max(from.y, to.y) + radius),
  });
}

/**
 * Set (or clear) every pixel whose centre lies within `size` / 2 of the segment between two points (a capsule; a disc
 * where the points are one). The edge is hard: a pixel is lesion or it is not.
 */
export function fillCapsule(bitmap, from, to, size, value) {
  const bounds = strokeBounds(bitmap, from, to, size);
  if (!bounds) return;
  const radius = size / 2;
  const sides = longSides(from, to, radius);
  for (let y = bounds.y0; y < bounds.y1; y += 1) {
    // A capsule is convex: what a row cuts out of it is one run of pixels.
    const run = { low: Infinity, high: -Infinity };
    cutDisc(run, from, radius, y + 0.5);
    cutDisc(run, to, radius, y + 0.5);
    for (const [a, b] of sides) cutEdge(run, a, b, y + 0.5);
    if (run.low <= run.high) bitmap.fillRow(y, Math.ceil(run.low - 0.5), Math.floor(run.high - 0.5) + 1, value);
  }
}

function longSides(from, to, radius) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length === 0) return [];
  const nx = (-(to.y - from.y) / length) * radius;
  const ny = ((to.x - from.x) / length) * radius;
  return [1, -1].map((side) => [
    { x: from.x + side * nx, y: from.y + side * ny },
    { x: to.x + side * nx, y: to.y + side * ny },
  ]);
}

function cutDisc(run, centre, radius, y) {
  const square = radius ** 2 - (y - centre.y) ** 2;
  if (square < 0) return;
  extend(run, centre.x - Math.sqrt(square));
  extend(run, centre.x + Math.sqrt(square));
}

function cutEdge(run, a, b, y) {
  if (a.y <= y !== b.y <= y) extend(run, a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x));
}

function extend(run, x) {
  run.low = Math.min(run.low, x);
  run.high = Math.max(run.high, x);
}
