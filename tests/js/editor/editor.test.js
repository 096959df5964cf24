import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../static/js/api.js";
import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { Editor } from "../../../static/js/editor/editor.js";

const IMAGE = { id: 7, width: 64, height: 48 };

/** A mask as the tests' "files": the bitmap itself. */
function mask(...pixels) {
  const bitmap = new Bitmap(IMAGE.width, IMAGE.height);
  for (const [x, y] of pixels) bitmap.fillRow(y, x, x + 1, true);
  return bitmap;
}

/** A server that holds revisions of EX and MA in memory. */
class FakeServer {
  user = { id: 1, username: "li", name: "Dr Li" };
  files = new Map([["EX0", mask([1, 1])], ["MA0", mask()]]);
  revisions = { EX: [{ number: 0, mask_url: "EX0" }], MA: [{ number: 0, mask_url: null }] };
  problem = null;

  async state() {
    if (this.problem) throw this.problem;
    const lesions = ["EX", "MA"].map((code) => ({ code, label: code, colour: [0, 0, 0], revisions: [...this.revisions[code]] }));
    return { user: this.user, may_correct: true, image: IMAGE, lesions };
  }

  async mask(url) {
    return this.files.get(url);
  }

  async save({ lesion, base, png }) {
    if (this.problem) throw this.problem;
    const newest = this.revisions[lesion].at(-1).number;
    if (base !== newest) throw new ApiError(409, "newer_revision", "Newer.", { latest_revision: newest, author: "Dr Wu" });
    return this.keep(lesion, png);
  }

  keep(lesion, bitmap) {
    const revision = this.revisions[lesion].at(-1).number + 1;
    this.files.set(`${lesion}${revision}`, bitmap);
    this.revisions[lesion].push({ number: revision, mask_url: `${lesion}${revision}` });
    return { revision };
  }
}

class FakeDrafts {
  kept = new Map();
  all = async () => [...this.kept.values()];
  put = async (draft) => this.kept.set(draft.lesion, draft);
  remove = async (lesion) => this.kept.delete(lesion);
}

const codec = { encode: async (bitmap) => bitmap.clone(), decode: async (bitmap) => bitmap.clone() };

async function opened({ server = new FakeServer(), drafts = new FakeDrafts() } = {}) {
  const editor = new Editor({ state: await server.state(), server, codec, drafts: Promise.resolve(drafts) });
  const notices = [];
  editor.addEventListener("notice", ({ detail }) => notices.push(detail));
  await editor.open();
  return { editor, server, drafts, notices };
}

/** Draw a dot, and wait until its draft is kept. */
async function dot(editor, x, y) {
  editor.set({ size: 1 });
  editor.strokeBegin({ x, y });
  editor.strokeEnd();
  await editor.keeper.keep(editor.active);
}

test("a draft is kept while work is unsaved, and removed once the server has it", async () => {
  const { editor, server, drafts, notices } = await opened();
  await dot(editor, 5, 5);
  assert.equal(drafts.kept.get("EX").base, 0);
  server.problem = new ApiError(503, "http_error", "Busy.");
  await editor.save();
  await editor.keeper.keep(editor.active);
  assert.ok(drafts.kept.has("EX"));
  assert.deepEqual(editor.unsaved, [editor.active]);
  server.problem = null;
  await editor.save();
  await editor.keeper.keep(editor.active);
  assert.ok(!drafts.kept.has("EX"));
  assert.deepEqual(editor.unsaved, []);
  assert.deepEqual(notices.map(({ kind }) => kind), ["failed", "saved"]);
  assert.ok(server.files.get("EX1").equals(mask([1, 1], [5, 5])));
});

test("drafts come back, with their base", async () => {
  const first = await opened();
  await dot(first.editor, 5, 5);
  const again = await opened({ drafts: first.drafts });
  assert.equal(again.notices[0].kind, "restored");
  assert.equal(again.notices[0].outdated, false);
  assert.ok(again.editor.active.bitmap.get(5, 5));

  first.server.keep("EX", mask([9, 9]));
  const outdated = await opened({ server: first.server, drafts: first.drafts });
  assert.equal(outdated.notices[0].outdated, true);
  await outdated.editor.save();
  assert.equal(outdated.editor.active.state.kind, "conflict");
});

test("a draft that the server has already is no news", async () => {
  const { editor, server, drafts } = await opened();
  await dot(editor, 5, 5);
  server.keep("EX", editor.active.bitmap.clone()); // saved, but the answer never came
  const again = await opened({ server, drafts });
  assert.deepEqual(again.notices, []);
  assert.deepEqual(again.editor.unsaved, []);
});

test("a conflict is decided by the author: on top", async () => {
  const { editor, server } = await opened();
  await dot(editor, 5, 5);
  server.keep("EX", mask([9, 9]));
  await editor.save();
  assert.equal(editor.active.state.details.author, "Dr Wu");
  await editor.saveOnTop(editor.active);
  assert.ok(server.files.get("EX2").equals(mask([1, 1], [5, 5])));
  assert.ok(server.files.get("EX1").equals(mask([9, 9])));
});

test("a conflict is decided by the author: discard, which can still be undone", async () => {
  const { editor, server, drafts } = await opened();
  await dot(editor, 5, 5);
  server.keep("EX", mask([9, 9]));
  await editor.save();
  await editor.discard(editor.active);
  await editor.keeper.keep(editor.active);
  assert.ok(editor.active.bitmap.equals(mask([9, 9])));
  assert.deepEqual(editor.unsaved, []);
  assert.ok(!drafts.kept.has("EX"));
  editor.undo();
  assert.ok(editor.active.bitmap.get(5, 5));
});

test("a conflict is decided by the author: compared first", async () => {
  const { editor, server } = await opened();
  await dot(editor, 5, 5);
  server.keep("EX", mask([1, 1], [9, 9]));
  await editor.save();
  await editor.compareWithNewest(editor.active);
  const { number, added, removed, unchanged, dice } = editor.comparison;
  assert.deepEqual({ number, added, removed, unchanged, dice }, { number: 1, added: 1, removed: 1, unchanged: 1, dice: 0.5 });
});

test("an ended session stops the round; nothing else is sent until the person is back", async () => {
  const { editor, server, notices } = await opened();
  await dot(editor, 5, 5);
  editor.select(editor.layers[1]);
  await dot(editor, 6, 6);
  server.problem = new ApiError(401, "not_authenticated", "Log in.");
  await editor.save();
  assert.deepEqual(notices.map(({ kind }) => kind), ["login"]);
  server.problem = null;
  await editor.save();
  assert.deepEqual(notices.map(({ kind }) => kind), ["login", "saved", "saved"]);
});

test("nothing is saved under the name of somebody else", async () => {
  const { editor, server, notices } = await opened();
  await dot(editor, 5, 5);
  server.user = { id: 2, username: "wu", name: "Dr Wu" };
  await editor.save();
  assert.equal(notices[0].kind, "other_user");
  assert.equal(server.revisions.EX.length, 1);
});

test("a revision that is looked at is not drawn on; starting from it can be undone", async () => {
  const { editor } = await opened();
  await dot(editor, 5, 5);
  await editor.look(0);
  assert.equal(editor.canDraw, false);
  assert.ok(!editor.shown.get(5, 5));
  editor.undo(); // would change what is not on the screen
  assert.ok(editor.active.bitmap.get(5, 5));
  await editor.startFrom(0);
  assert.equal(editor.canDraw, true);
  assert.ok(editor.active.bitmap.equals(mask([1, 1])));
  editor.undo();
  assert.ok(editor.active.bitmap.get(5, 5));
});

test("the comparison follows the drawing", async () => {
  const { editor } = await opened();
  await editor.compareWith(0);
  assert.equal(editor.comparison.dice, 1);
  await dot(editor, 5, 5);
  assert.equal(editor.comparison.added, 1);
  editor.select(editor.layers[1]);
  assert.equal(editor.comparison, null);
});

test("a lesion that the network does not outline starts empty", async () => {
  const { editor } = await opened();
  assert.equal(editor.layers[1].bitmap.count(), 0);
  editor.select(editor.layers[1]);
  await editor.compareWith(0);
  assert.equal(editor.comparison.dice, null);
});

test("drawing on what is hidden shows it", async () => {
  const { editor } = await opened();
  editor.showLayer(editor.active, false);
  editor.set({ masksVisible: false });
  await dot(editor, 5, 5);
  assert.ok(editor.active.visible);
  assert.ok(editor.masksVisible);
});

test("a browser without drafts says so once and lets the author work", async () => {
  const server = new FakeServer();
  const editor = new Editor({ state: await server.state(), server, codec, drafts: Promise.reject(new Error("private")) });
  const notices = [];
  editor.addEventListener("notice", ({ detail }) => notices.push(detail.kind));
  await editor.open();
  await dot(editor, 5, 5);
  await editor.save();
  assert.deepEqual(notices, ["no_drafts", "saved"]);
});
