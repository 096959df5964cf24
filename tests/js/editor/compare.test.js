import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { compare } from "../../../static/js/editor/compare.js";

function row(from, to) {
  const bitmap = new Bitmap(30, 4);
  bitmap.fillRow(2, from, to, true);
  return bitmap;
}

test("pixels are counted as added, removed and unchanged", () => {
  assert.deepEqual(compare(row(5, 20), row(10, 25)), { added: 5, removed: 5, unchanged: 10, dice: 20 / 30 });
});

test("the same mask agrees wholly, another one not at all", () => {
  assert.equal(compare(row(3, 9), row(3, 9)).dice, 1);
  assert.equal(compare(row(0, 5), row(10, 15)).dice, 0);
});

test("two empty masks have no Dice coefficient", () => {
  assert.deepEqual(compare(row(0, 0), row(0, 0)), { added: 0, removed: 0, unchanged: 0, dice: null });
});

test("masks of different sizes are not compared", () => {
  assert.throws(() => compare(new Bitmap(8, 8), new Bitmap(8, 9)), RangeError);
});
