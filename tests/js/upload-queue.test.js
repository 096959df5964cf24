import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";
import { eyeInName, FileState, UploadQueue } from "../../static/js/upload-queue.js";

const LIMITS = { maxUploadBytes: 1000, maxUploadMb: 50 };
const file = (name, size = 10) => ({ name, size, lastModified: 1 });

test("the eye is taken from the file name only where it is clear", () => {
  const expected = {
    "0017_OD.jpg": "OD", "os-2.png": "OS", "LEFT eye.tif": "OS", "right.jpg": "OD",
    "IDRiD_01.jpg": "unknown", "model.jpg": "unknown", "bright.jpg": "unknown", "OD_and_OS.jpg": "unknown", "photos.jpg": "unknown",
  };
  for (const [name, eye] of Object.entries(expected)) {
    assert.equal(eyeInName(name), eye, name);
  }
});

test("a file that cannot be sent is listed with the reason and never sent", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("big.jpg", 1001), file("empty.jpg", 0)]);
  assert.match(queue.items[0].error, /limit is 50 MB/);
  assert.match(queue.items[1].error, /empty/);
  queue.retryAll();
  const sent = [];
  assert.equal(await queue.run(async (item) => sent.push(item)), false);
  assert.deepEqual(sent, []);
});

test("the same file is listed once", () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg")]);
  queue.add([file("a.jpg"), file("b.jpg")]);
  assert.deepEqual(queue.items.map((item) => item.file.name), ["a.jpg", "b.jpg"]);
});

test("files go one after the other; a failure stops no other file and can be tried again", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg"), file("b.jpg"), file("c.jpg")]);
  const sent = [];
  let working = false;
  const send = async (item) => {
    assert.equal(working, false);
    working = true;
    await Promise.resolve();
    working = false;
    sent.push(item.file.name);
    if (sent.length === 2) {
      throw new Error("The image file is damaged.");
    }
    return { image_id: sent.length };
  };
  assert.equal(await queue.run(send), false);
  assert.deepEqual(queue.items.map((item) => item.state), [FileState.DONE, FileState.FAILED, FileState.DONE]);
  assert.equal(queue.items[1].error, "The image file is damaged.");
  queue.retryAll();
  assert.equal(await queue.run(send), true);
  assert.deepEqual(sent, ["a.jpg", "b.jpg", "c.jpg", "b.jpg"]);
});

test("files added while others are sent are sent too", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg")]);
  const done = await queue.run(async (item) => {
    if (item.file.name === "a.jpg") {
      queue.add([file("b.jpg")]);
    }
    return {};
  });
  assert.equal(done, true);
  assert.equal(queue.count(FileState.DONE), 2);
});

test("two runs at once are one", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg")]);
  const sent = [];
  const send = async (item) => sent.push(item.id);
  await Promise.all([queue.run(send), queue.run(send)]);
  assert.equal(sent.length, 1);
});

test("progress and choices are told to whoever listens", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg")]);
  const seen = [];
  queue.addEventListener("change", () => seen.push(queue.items[0].progress));
  queue.update(queue.items[0].id, { laterality: "OS" });
  await queue.run(async (item, onProgress) => onProgress(0.5));
  assert.equal(queue.items[0].laterality, "OS");
  assert.ok(seen.includes(0.5));
});

test("a file on its way cannot be removed", async () => {
  const queue = new UploadQueue(LIMITS);
  queue.add([file("a.jpg"), file("b.jpg")]);
  await queue.run(async (item) => queue.remove(item.id));
  assert.equal(queue.items.length, 2);
  queue.remove(queue.items[0].id);
  assert.equal(queue.items.length, 1);
});
