import assert from "node:assert/strict";
import test from "node:test";

import { actionOf, takesText } from "../../static/js/keys.js";

const body = { tagName: "BODY" };
const press = (key, more = {}) => ({ key, target: body, ...more });
const next = () => {};

test("a letter is its action, also with Shift", () => {
  assert.equal(actionOf(press("n"), { n: next }), next);
  assert.equal(actionOf(press("N"), { n: next }), next);
});

test("a key of the browser, or of nobody, is none", () => {
  assert.equal(actionOf(press("n", { ctrlKey: true }), { n: next }), null);
  assert.equal(actionOf(press("n", { metaKey: true }), { n: next }), null);
  assert.equal(actionOf(press("n", { altKey: true }), { n: next }), null);
  assert.equal(actionOf(press("x"), { n: next }), null);
  assert.equal(actionOf(press("constructor"), { n: next }), null);
});

test("fields that take text keep their keys", () => {
  assert.equal(actionOf(press("n", { target: { tagName: "TEXTAREA" } }), { n: next }), null);
  assert.ok(takesText({ tagName: "INPUT", type: "password" }));
  assert.ok(takesText({ tagName: "SELECT" }));
  assert.ok(!takesText({ tagName: "INPUT", type: "range" }));
  assert.ok(!takesText({ tagName: "BUTTON" }));
});
