import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../static/js/api.js";
import { attempt, CLEAN, next, UNSAVED } from "../../../static/js/editor/saving.js";

const whoAmI = async () => ({ id: 1, name: "Dr Li" });

test("only the server's own word makes it saved", async () => {
  assert.deepEqual(await attempt({ whoAmI, send: async () => ({ revision: 3 }) }, 1), { kind: "saved", revision: 3 });
  for (const answer of [null, {}, { revision: "3" }, { message: "ok" }]) {
    assert.equal((await attempt({ whoAmI, send: async () => answer }, 1)).kind, "failed");
  }
});

test("nothing is sent under another name", async () => {
  let sent = false;
  const send = async () => {
    sent = true;
    return { revision: 1 };
  };
  assert.deepEqual(await attempt({ whoAmI, send }, 2), { kind: "other_user", name: "Dr Li" });
  assert.equal(sent, false);
});

test("what goes wrong is told apart", async () => {
  const outcomes = [
    [new ApiError(401, "not_authenticated", "Log in."), "login"],
    [new ApiError(403, "not_authenticated", "Log in."), "login"],
    [new ApiError(403, "not_allowed", "Your role does not allow this."), "refused"],
    [new ApiError(409, "newer_revision", "Newer.", { latest_revision: 4 }), "conflict"],
    [new ApiError(400, "wrong_mask_size", "Another size."), "refused"],
    [new ApiError(0, "unreachable", "No network."), "failed"],
    [new ApiError(503, "http_error", "Busy."), "failed"],
    [new SyntaxError("no JSON: a proxy's page"), "failed"],
  ];
  for (const [error, kind] of outcomes) {
    const send = async () => {
      throw error;
    };
    assert.equal((await attempt({ whoAmI, send }, 1)).kind, kind, error.message);
    assert.equal((await attempt({ whoAmI: send, send: whoAmI }, 1)).kind, kind, error.message);
  }
});

test("a conflict tells who and when", async () => {
  const details = { latest_revision: 4, author: "Dr Wu", created_at: "2024-05-01T10:00:00Z" };
  const send = async () => {
    throw new ApiError(409, "newer_revision", "Newer.", details);
  };
  assert.deepEqual(await attempt({ whoAmI, send }, 1), { kind: "conflict", details });
});

test("states follow each other", () => {
  assert.equal(next(CLEAN, { type: "edited", dirty: true }), UNSAVED);
  assert.equal(next(UNSAVED, { type: "edited", dirty: false }), CLEAN); // undone
  const saving = next(UNSAVED, { type: "save" });
  assert.equal(saving.kind, "saving");
  assert.equal(next(saving, { type: "edited", dirty: true }), saving);
  const saved = { kind: "saved", revision: 2 };
  assert.equal(next(saving, { type: "answer", outcome: saved, dirty: false }), saved);
  assert.equal(next(saving, { type: "answer", outcome: saved, dirty: true }), UNSAVED); // drawn on meanwhile
  const failed = { kind: "failed", message: "" };
  assert.equal(next(saving, { type: "answer", outcome: failed, dirty: true }), failed);
  assert.equal(next(failed, { type: "edited", dirty: true }), UNSAVED);
});

test("a conflict stays one while the author draws on", () => {
  const conflict = { kind: "conflict", details: {} };
  assert.equal(next(conflict, { type: "edited", dirty: true }), conflict);
  assert.equal(next(conflict, { type: "edited", dirty: false }), CLEAN);
});
