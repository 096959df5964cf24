import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { Layer } from "../../../static/js/editor/layer.js";

const SIZE = { width: 100, height: 80 };

function layer(...numbers) {
  const revisions = (numbers.length > 0 ? numbers : [0]).map((number) => ({ number }));
  return new Layer({ code: "HE", label: "Haemorrhages", colour: [0, 90, 255], revisions }, SIZE);
}

function mask(from, to) {
  const bitmap = new Bitmap(SIZE.width, SIZE.height);
  bitmap.fillRow(10, from, to, true);
  return bitmap;
}

function stroke(drawn, value = true) {
  drawn.strokeBegin({ x: 20.5, y: 20.5 }, { size: 5, value });
  drawn.strokeTo({ x: 40.5, y: 30.5 });
  return drawn.strokeEnd();
}

test("work starts from the newest revision", () => {
  assert.equal(layer(0, 1, 2).base, 2);
  const loaded = layer();
  loaded.load(mask(3, 9), 0);
  assert.equal(loaded.dirty, false);
  assert.equal(loaded.bitmap.count(), 6);
});

test("a stroke makes it unsaved, undoing it makes it clean again", () => {
  const drawn = layer();
  assert.equal(stroke(drawn), true);
  assert.equal(drawn.state.kind, "unsaved");
  drawn.undo();
  assert.equal(drawn.state.kind, "clean");
  drawn.redo();
  assert.equal(drawn.state.kind, "unsaved");
});

test("erasing where nothing is changes nothing", () => {
  const drawn = layer();
  assert.equal(stroke(drawn, false), false);
  assert.equal(drawn.state.kind, "clean");
  assert.equal(drawn.history.canUndo, false);
});

test("undo waits for the stroke under way", () => {
  const drawn = layer();
  stroke(drawn);
  drawn.strokeBegin({ x: 60.5, y: 60.5 }, { size: 5, value: true });
  assert.equal(drawn.undo(), null);
  drawn.strokeCancel();
  assert.ok(drawn.bitmap.get(20, 20));
  assert.ok(!drawn.bitmap.get(60, 60));
});

test("saved is what was sent; what was drawn meanwhile is not", () => {
  const drawn = layer();
  stroke(drawn);
  drawn.saveBegin();
  const sent = drawn.bitmap.clone();
  drawn.strokeBegin({ x: 70.5, y: 60.5 }, { size: 9, value: true });
  drawn.strokeEnd();
  drawn.saveEnd({ kind: "saved", revision: 1 }, sent);
  assert.equal(drawn.base, 1);
  assert.equal(drawn.state.kind, "unsaved");
  drawn.undo();
  assert.equal(drawn.dirty, false);
});

test("an attempt that fails leaves base, work and undo as they were", () => {
  const drawn = layer();
  stroke(drawn);
  const before = drawn.bitmap.clone();
  drawn.saveBegin();
  drawn.saveEnd({ kind: "failed", message: "" }, drawn.bitmap.clone());
  assert.equal(drawn.base, 0);
  assert.ok(drawn.dirty);
  assert.ok(drawn.bitmap.equals(before));
  assert.ok(drawn.history.canUndo);
});

test("taking over another mask can be undone", () => {
  const drawn = layer();
  drawn.load(mask(3, 9), 0);
  stroke(drawn);
  const work = drawn.bitmap.clone();
  drawn.replaceWith(mask(50, 60));
  assert.ok(drawn.bitmap.equals(mask(50, 60)));
  drawn.undo();
  assert.ok(drawn.bitmap.equals(work));
});

test("after a conflict the work is measured against the newer revision", () => {
  const drawn = layer();
  stroke(drawn);
  drawn.saveBegin();
  drawn.saveEnd({ kind: "conflict", details: {} }, drawn.bitmap.clone());
  drawn.rebase(mask(3, 9), 4);
  assert.equal(drawn.base, 4);
  assert.equal(drawn.state.kind, "unsaved");
  drawn.replaceWith(mask(3, 9));
  assert.equal(drawn.state.kind, "clean");
});
