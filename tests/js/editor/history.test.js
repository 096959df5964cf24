import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { History, Recorder, replaceAll } from "../../../static/js/editor/history.js";

const SIZE = { width: 205, height: 133 }; // no multiple of a tile

function fill(bitmap, { x0, y0, x1, y1 }, value = true) {
  const recorder = new Recorder(bitmap);
  recorder.touch({ x0, y0, x1, y1 });
  for (let y = y0; y < y1; y += 1) bitmap.fillRow(y, x0, x1, value);
  return recorder;
}

test("undo takes a whole step back, redo brings it again", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  const history = new History();
  const states = [bitmap.clone()];
  for (const rect of [
    { x0: 3, y0: 3, x1: 90, y1: 90 },
    { x0: 60, y0: 60, x1: 205, y1: 133 },
    { x0: 200, y0: 0, x1: 205, y1: 5 },
  ]) {
    history.push(fill(bitmap, rect).finish());
    states.push(bitmap.clone());
  }
  for (const expected of states.slice(0, -1).reverse()) {
    assert.notEqual(history.undo(bitmap), null);
    assert.ok(bitmap.equals(expected));
  }
  assert.equal(history.undo(bitmap), null);
  for (const expected of states.slice(1)) {
    history.redo(bitmap);
    assert.ok(bitmap.equals(expected));
  }
  assert.equal(history.redo(bitmap), null);
});

test("the rectangle told holds the change, and stays inside the photograph", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  const history = new History();
  history.push(fill(bitmap, { x0: 150, y0: 100, x1: 205, y1: 133 }).finish());
  assert.deepEqual(history.undo(bitmap), { x0: 128, y0: 64, x1: 205, y1: 133 });
});

test("a step that changes nothing is none", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  assert.equal(fill(bitmap, { x0: 0, y0: 0, x1: 20, y1: 20 }, false).finish(), null);
});

test("a new step forgets what was undone", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  const history = new History();
  history.push(fill(bitmap, { x0: 0, y0: 0, x1: 9, y1: 9 }).finish());
  history.undo(bitmap);
  history.push(fill(bitmap, { x0: 50, y0: 50, x1: 59, y1: 59 }).finish());
  assert.ok(!history.canRedo);
  assert.ok(history.canUndo);
});

test("memory is bounded: the oldest steps are forgotten, the newest never", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  const history = new History(3 * 512);
  for (let step = 0; step < 10; step += 1) {
    history.push(fill(bitmap, { x0: step, y0: 0, x1: step + 1, y1: 1 }).finish());
  }
  assert.ok(history.bytes <= 3 * 512);
  let steps = 0;
  while (history.undo(bitmap)) steps += 1;
  assert.equal(steps, 3);
  assert.equal(bitmap.count(), 7);
  history.push(fill(bitmap, { x0: 0, y0: 0, x1: 205, y1: 133 }).finish());
  assert.ok(history.canUndo);
});

test("a stroke that is broken off leaves no trace", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  fill(bitmap, { x0: 5, y0: 5, x1: 8, y1: 8 }).finish();
  const before = bitmap.clone();
  assert.notEqual(fill(bitmap, { x0: 0, y0: 0, x1: 99, y1: 99 }).cancel(), null);
  assert.ok(bitmap.equals(before));
});

test("taking over another mask is one step", () => {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  fill(bitmap, { x0: 5, y0: 5, x1: 8, y1: 8 }).finish();
  const before = bitmap.clone();
  const other = new Bitmap(SIZE.width, SIZE.height);
  fill(other, { x0: 100, y0: 50, x1: 205, y1: 133 }).finish();
  const history = new History();
  history.push(replaceAll(bitmap, other));
  assert.ok(bitmap.equals(other));
  history.undo(bitmap);
  assert.ok(bitmap.equals(before));
});
