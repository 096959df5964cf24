import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { MemoryStorage, settle } from "./browser.js";
import { Autosave, DELAY, RETRY, State } from "../../static/js/autosave.js";
import { Draft } from "../../static/js/draft.js";
import { sameReading, stateText } from "../../static/js/study/reading.js";

let storage, draft, states, sent, answers, autosave;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  storage = new MemoryStorage();
  draft = new Draft("reading:1:2", storage);
  [states, sent, answers] = [[], [], []];
  autosave = new Autosave({
    draft,
    save: async (value) => {
      sent.push(value);
      const answer = answers.shift() ?? { updated_at: "now" };
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    },
    onState: (state) => states.push(state),
  });
});

afterEach(() => mock.timers.reset());

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

const failure = (facts) => Object.assign(new Error("no"), facts);

test("a value is saved once, after it stopped changing", async () => {
  autosave.change({ diagnosis: "a" });
  await pass(DELAY / 2);
  autosave.change({ diagnosis: "ab" });
  await pass(DELAY / 2);
  assert.deepEqual(sent, []);
  await pass(DELAY);
  assert.deepEqual(sent, [{ diagnosis: "ab" }]);
  assert.deepEqual(states, [State.UNSAVED, State.UNSAVED, State.SAVING, State.SAVED]);
  assert.equal(autosave.dirty, false);
});

test("the browser holds the value until the server has it", async () => {
  autosave.change({ diagnosis: "a" });
  assert.deepEqual(draft.read(), { diagnosis: "a" });
  await pass(DELAY);
  assert.equal(draft.read(), null);
});

test("a change during saving is saved as well", async () => {
  autosave.change({ diagnosis: "a" });
  const flushed = autosave.flush();
  autosave.change({ diagnosis: "ab" });
  await flushed;
  assert.equal(autosave.dirty, true);
  assert.deepEqual(draft.read(), { diagnosis: "ab" });
  await pass(DELAY);
  assert.deepEqual(sent.at(-1), { diagnosis: "ab" });
  assert.equal(autosave.dirty, false);
});

test("an ended session keeps the value, and tries again", async () => {
  answers.push(failure({ loginNeeded: true }), failure({ temporary: true }));
  autosave.change({ diagnosis: "a" });
  await pass(DELAY);
  assert.equal(states.at(-1), State.KEPT);
  assert.deepEqual(draft.read(), { diagnosis: "a" });
  await pass(RETRY[0]);
  assert.equal(states.at(-1), State.KEPT);
  await pass(RETRY[1]);
  assert.equal(states.at(-1), State.SAVED);
  assert.equal(sent.length, 3);
});

test("a refusal is not repeated by itself", async () => {
  answers.push(failure({ loginNeeded: false, temporary: false }));
  autosave.change({ diagnosis: "a" });
  await pass(DELAY);
  assert.equal(states.at(-1), State.REFUSED);
  await pass(RETRY.at(-1) * 2);
  assert.equal(sent.length, 1);
  assert.deepEqual(draft.read(), { diagnosis: "a" });
});

test("flush says whether everything is saved", async () => {
  assert.equal(await autosave.flush(), true);
  answers.push(failure({ temporary: true }));
  autosave.change({ diagnosis: "a" });
  assert.equal(await autosave.flush(), false);
});

test("a browser that keeps nothing is told as such", () => {
  const kept = [];
  const full = new Autosave({
    draft: new Draft("x", new MemoryStorage({ full: true })),
    save: async () => ({}),
    onState: (state, facts) => kept.push(facts.kept),
  });
  full.change({ diagnosis: "a" });
  assert.deepEqual(kept, [false]);
  assert.match(stateText(State.UNSAVED, { kept: false }), /do not close the page/);
});

test("a broken draft is no draft", () => {
  storage.setItem(draft.key, "{");
  assert.equal(draft.read(), null);
});

test("drafts of two people are two drafts", () => {
  draft.write({ diagnosis: "mine" });
  assert.equal(new Draft("reading:9:2", storage).read(), null);
});

test("readings are compared by what they say", () => {
  const reading = { diagnosis: "a", grade_od: 1, grade_os: null };
  assert.equal(sameReading(reading, { ...reading, saved: "x" }), true);
  assert.equal(sameReading(reading, { ...reading, grade_os: 0 }), false);
});

test("what was kept in another way is not saved again", async () => {
  const arrived = [];
  const unneeded = new Autosave({
    draft: { write: () => true, clear: () => {} },
    save: async (value) => arrived.push(value),
    onState: () => {},
  });
  unneeded.change("signed meanwhile");
  unneeded.settle();
  assert.equal(unneeded.dirty, false);
  assert.equal(await unneeded.flush(), true);
  assert.deepEqual(arrived, []);
});
