import assert from "node:assert/strict";
import { test } from "node:test";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { Codec } from "../../../static/js/editor/codec.js";

/** A worker that answers when it is told to, in any order. */
class FakeWorker extends EventTarget {
  asked = [];

  postMessage(message) {
    this.asked.push(message);
  }

  answer(data) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

test("answers find the question they belong to", async () => {
  const worker = new FakeWorker();
  const codec = new Codec(worker);
  const [first, second] = [codec.encode(new Bitmap(8, 1)), codec.encode(new Bitmap(8, 2))];
  const [a, b] = worker.asked;
  worker.answer({ id: b.id, result: "second" });
  worker.answer({ id: a.id, result: "first" });
  assert.deepEqual(await Promise.all([first, second]), ["first", "second"]);
});

test("what is drawn later is not in what was sent", () => {
  const worker = new FakeWorker();
  const bitmap = new Bitmap(8, 1);
  new Codec(worker).encode(bitmap);
  bitmap.fillRow(0, 0, 8, true);
  assert.deepEqual([...worker.asked[0].encode.data], [0]);
});

test("a file that is no mask rejects, and the next one is read", async () => {
  const worker = new FakeWorker();
  const codec = new Codec(worker);
  const reading = codec.decode(new Uint8Array(3));
  worker.answer({ id: worker.asked[0].id, error: "not a PNG file" });
  await assert.rejects(reading, /not a PNG/);
  const again = codec.decode(new Uint8Array(3));
  worker.answer({ id: worker.asked[1].id, result: { width: 8, height: 1, data: Uint8Array.of(3) } });
  assert.equal((await again).count(), 2);
});

test("a worker that does not start is told, now and later", async () => {
  const worker = new FakeWorker();
  const codec = new Codec(worker);
  const waiting = codec.encode(new Bitmap(8, 1));
  worker.dispatchEvent(Object.assign(new Event("error"), { message: "blocked" }));
  await assert.rejects(waiting, /blocked/);
  await assert.rejects(codec.encode(new Bitmap(8, 1)), /blocked/);
});
