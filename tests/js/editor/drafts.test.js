import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drafts } from "../../../static/js/editor/drafts.js";

const png = Uint8Array.of(1, 2, 3);

test("drafts are found again by the same user on the same photograph alone", async () => {
  const mine = await Drafts.open({ user: 1, image: 10 });
  await mine.put({ lesion: "HE", base: 2, png, savedAt: 1000 });
  await mine.put({ lesion: "EX", base: 0, png, savedAt: 1001 });
  for (const owner of [{ user: 2, image: 10 }, { user: 1, image: 11 }, { user: 1, image: 9 }]) {
    assert.deepEqual(await (await Drafts.open(owner)).all(), []);
  }
  const found = await (await Drafts.open({ user: 1, image: 10 })).all();
  assert.deepEqual(found.map(({ lesion, base, savedAt }) => ({ lesion, base, savedAt })), [
    { lesion: "EX", base: 0, savedAt: 1001 },
    { lesion: "HE", base: 2, savedAt: 1000 },
  ]);
  assert.deepEqual(found[0].png, png);
});

test("a newer draft takes the place of the older one", async () => {
  const drafts = await Drafts.open({ user: 5, image: 1 });
  await drafts.put({ lesion: "MA", base: 0, png, savedAt: 1 });
  await drafts.put({ lesion: "MA", base: 3, png, savedAt: 2 });
  const found = await drafts.all();
  assert.equal(found.length, 1);
  assert.equal(found[0].base, 3);
});

test("removing one leaves the others, and may be done twice", async () => {
  const drafts = await Drafts.open({ user: 6, image: 1 });
  await drafts.put({ lesion: "MA", base: 0, png, savedAt: 1 });
  await drafts.put({ lesion: "SE", base: 0, png, savedAt: 1 });
  await drafts.remove("MA");
  await drafts.remove("MA");
  assert.deepEqual((await drafts.all()).map(({ lesion }) => lesion), ["SE"]);
});

test("a browser that keeps nothing says so", async () => {
  const factory = {
    open() {
      const request = new EventTarget();
      request.error = new Error("not allowed");
      setTimeout(() => request.dispatchEvent(new Event("error")));
      return request;
    },
  };
  await assert.rejects(Drafts.open({ user: 1, image: 1 }, factory), /not allowed/);
});
