import assert from "node:assert/strict";
import test from "node:test";

import { rowToChoose } from "../../../static/js/work-list/rows.js";

const rows = ["7", "8", "9"];

test("the first step goes to an end of the list", () => {
  assert.equal(rowToChoose(rows, null, 1), "7");
  assert.equal(rowToChoose(rows, null, -1), "9");
});

test("steps stop at the ends", () => {
  assert.equal(rowToChoose(rows, "7", 1), "8");
  assert.equal(rowToChoose(rows, "9", 1), "9");
  assert.equal(rowToChoose(rows, "7", -1), "7");
});

test("where the chosen study has left the list, its place counts", () => {
  assert.equal(rowToChoose(rows, "5", 0, 1), "8");
  assert.equal(rowToChoose(rows, "5", 1, 1), "8"); // the one that moved up
  assert.equal(rowToChoose(rows, "5", -1, 1), "7");
  assert.equal(rowToChoose(rows, "5", 1, 3), "9"); // it was the last one
  assert.equal(rowToChoose(rows, "5", -1, 0), "7");
});

test("a list that is still the same keeps its row", () => {
  assert.equal(rowToChoose(rows, "8", 0, 0), "8");
});

test("an empty list has nothing to choose", () => {
  assert.equal(rowToChoose([], "7", 1), null);
});
