import assert from "node:assert/strict";
import { test } from "node:test";

import { actionFor } from "../../../static/js/editor/shortcuts.js";

const press = (key, { where = {}, ...modifiers } = {}) =>
  actionFor({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...modifiers }, where);

test("keys stand for actions", () => {
  assert.deepEqual(press("3"), ["lesion", 2]);
  assert.deepEqual(press("b"), ["tool", "brush"]);
  assert.deepEqual(press("E", { shiftKey: true }), ["tool", "eraser"]);
  assert.deepEqual(press("]"), ["larger"]);
  assert.deepEqual(press("?", { shiftKey: true }), ["help"]);
  assert.equal(press("q"), null);
});

test("undo, redo and save", () => {
  assert.deepEqual(press("z", { ctrlKey: true }), ["undo"]);
  assert.deepEqual(press("Z", { ctrlKey: true, shiftKey: true }), ["redo"]);
  assert.deepEqual(press("y", { ctrlKey: true }), ["redo"]);
  assert.deepEqual(press("s", { metaKey: true }), ["save"]);
  assert.equal(press("b", { ctrlKey: true }), null);
});

test("fields keep their keys", () => {
  for (const key of ["b", "1", "-"]) assert.equal(press(key, { where: { typing: true } }), null);
  assert.equal(press("z", { ctrlKey: true, where: { typing: true } }), null);
});

test("arrows move the photograph only while it has the focus", () => {
  assert.deepEqual(press("ArrowLeft", { where: { onStage: true } }), ["pan", 1, 0]);
  assert.equal(press("ArrowLeft"), null);
});
