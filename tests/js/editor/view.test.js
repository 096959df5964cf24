import assert from "node:assert/strict";
import { test } from "node:test";

import { View } from "../../../static/js/editor/view.js";

function near(actual, expected) {
  for (const key of Object.keys(expected)) assert.ok(Math.abs(actual[key] - expected[key]) < 1e-6, `${key}: ${actual[key]}`);
}

function viewOn(width = 800, height = 600, image = { width: 4288, height: 2848 }) {
  const view = new View(image);
  view.resize(width, height);
  return view;
}

test("a new view shows all of the photograph in the middle", () => {
  const view = viewOn();
  near(view.toImage(view.middle), { x: 2144, y: 1424 });
  assert.ok(view.toStage({ x: 0, y: 0 }).x >= -1e-6);
  assert.ok(view.toStage({ x: 4288, y: 2848 }).x <= 800 + 1e-6);
});

test("stage and image coordinates are each other's inverse", () => {
  const view = viewOn();
  view.zoom(3.7, { x: 100, y: 50 });
  near(view.toStage(view.toImage({ x: 123, y: 456 })), { x: 123, y: 456 });
});

test("the point under the pointer stays there while zooming", () => {
  const view = viewOn();
  const pointer = { x: 333, y: 222 };
  const before = view.toImage(pointer);
  view.zoom(2, pointer);
  near(view.toImage(pointer), before);
  view.zoom(0.8, pointer);
  near(view.toImage(pointer), before);
});

test("zooming has limits", () => {
  const view = viewOn();
  view.zoom(1e9);
  assert.equal(view.scale, 40);
  view.zoom(1e-9);
  assert.equal(view.scale, view.fitScale / 2);
});

test("a fitted view is fitted again when the stage changes, another keeps its middle", () => {
  const view = viewOn();
  view.resize(400, 300);
  assert.equal(view.scale, view.fitScale);
  view.zoom(4);
  const middle = view.toImage(view.middle);
  view.resize(900, 700);
  near(view.toImage(view.middle), middle);
});

test("the photograph cannot be lost by panning", () => {
  const view = viewOn();
  view.zoom(3);
  view.pan(1e6, -1e6);
  const corner = view.toStage({ x: 0, y: 2848 });
  near(corner, { x: 720, y: 80 });
});
