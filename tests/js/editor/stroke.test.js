import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { fillCapsule, snap, strokeBounds } from "../../../static/js/editor/stroke.js";

function distance({ x, y }, a, b) {
  const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
  const along = length === 0 ? 0 : ((x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y)) / length;
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - a.x - t * (b.x - a.x), y - a.y - t * (b.y - a.y));
}

function pseudoRandom(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

test("a capsule is exactly the pixels whose centres lie within half the size of the segment", () => {
  const random = pseudoRandom(7);
  for (let round = 0; round < 200; round += 1) {
    const bitmap = new Bitmap(61, 43);
    const size = 1 + Math.floor(random() * 30);
    const point = () => snap({ x: random() * 81 - 10, y: random() * 63 - 10 }, size);
    const [from, to] = [point(), random() < 0.2 ? null : point()];
    fillCapsule(bitmap, from, to ?? from, size, true);
    for (let y = 0; y < 43; y += 1) {
      for (let x = 0; x < 61; x += 1) {
        const away = distance({ x: x + 0.5, y: y + 0.5 }, from, to ?? from) - size / 2;
        if (Math.abs(away) > 1e-6) assert.equal(bitmap.get(x, y), away < 0, `round ${round}, pixel ${x},${y}`);
      }
    }
  }
});

test("a brush of n pixels is n pixels wide wherever the pointer is", () => {
  for (let size = 1; size <= 40; size += 1) {
    for (const offset of [0, 0.2, 0.5, 0.99]) {
      const bitmap = new Bitmap(120, 120);
      const point = snap({ x: 60 + offset, y: 60 + offset }, size);
      fillCapsule(bitmap, point, point, size, true);
      const rows = Array.from({ length: 120 }, (_, y) => y).filter((y) =>
        Array.from({ length: 120 }, (_, x) => bitmap.get(x, y)).some(Boolean),
      );
      assert.equal(rows.length, size);
    }
  }
});

test("the thinnest stroke has no gaps", () => {
  const bitmap = new Bitmap(100, 100);
  const [from, to] = [snap({ x: 3, y: 5 }, 1), snap({ x: 90, y: 40 }, 1)];
  fillCapsule(bitmap, from, to, 1, true);
  for (let x = 3; x <= 90; x += 1) {
    assert.ok(
      Array.from({ length: 100 }, (_, y) => bitmap.get(x, y)).some(Boolean),
      `nothing in column ${x}`,
    );
  }
});

test("the eraser is hard: nothing is left, nothing beside it is touched", () => {
  const bitmap = new Bitmap(64, 64);
  for (let y = 0; y < 64; y += 1) bitmap.fillRow(y, 0, 64, true);
  const point = snap({ x: 32, y: 32 }, 10);
  const drawn = new Bitmap(64, 64);
  fillCapsule(drawn, point, point, 10, true);
  fillCapsule(bitmap, point, point, 10, false);
  assert.equal(bitmap.count(), 64 * 64 - drawn.count());
});

test("bounds hold all that is drawn, and are empty outside of the photograph", () => {
  const bitmap = new Bitmap(50, 40);
  assert.deepEqual(strokeBounds(bitmap, { x: 10.5, y: 10.5 }, { x: 20.5, y: 12.5 }, 5), { x0: 8, y0: 8, x1: 23, y1: 15 });
  assert.deepEqual(strokeBounds(bitmap, { x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }, 5), { x0: 0, y0: 0, x1: 3, y1: 3 });
  assert.equal(strokeBounds(bitmap, { x: -30, y: 5 }, { x: -20, y: 5 }, 5), null);
});
