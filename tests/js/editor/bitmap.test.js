import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";

test("a row is filled from the first pixel up to, but not with, the last", () => {
  for (const width of [5, 8, 21, 32]) {
    for (let from = -3; from <= width + 3; from += 1) {
      for (let to = from - 1; to <= width + 3; to += 1) {
        const bitmap = new Bitmap(width, 3);
        bitmap.fillRow(1, from, to, true);
        for (let x = 0; x < width; x += 1) assert.equal(bitmap.get(x, 1), x >= from && x < to, `${from}..${to} at ${x}`);
        assert.equal(bitmap.count(), Math.max(0, Math.min(to, width) - Math.max(from, 0)));
      }
    }
  }
});

test("clearing leaves the pixels beside it", () => {
  const bitmap = new Bitmap(20, 1);
  bitmap.fillRow(0, 0, 20, true);
  bitmap.fillRow(0, 3, 17, false);
  assert.deepEqual([...bitmap.data], [0b11100000, 0, 0b01110000]);
});

test("rows outside are ignored, pixels outside are not set", () => {
  const bitmap = new Bitmap(8, 2);
  bitmap.fillRow(-1, 0, 8, true);
  bitmap.fillRow(2, 0, 8, true);
  assert.equal(bitmap.count(), 0);
  bitmap.fillRow(0, 0, 8, true);
  assert.equal(bitmap.get(-1, 0), false);
  assert.equal(bitmap.get(8, 0), false);
});

test("a clone is equal, and its own", () => {
  const bitmap = new Bitmap(9, 9);
  bitmap.fillRow(4, 2, 7, true);
  const copy = bitmap.clone();
  assert.ok(copy.equals(bitmap));
  copy.fillRow(0, 0, 1, true);
  assert.ok(!copy.equals(bitmap));
  assert.ok(!new Bitmap(9, 8).equals(new Bitmap(8, 9)));
});

test("bytes of another size are refused", () => {
  assert.throws(() => new Bitmap(10, 10, new Uint8Array(10)), RangeError);
});
