import { ApiError } from "../api.js";

/** Nothing to save: the mask is what the server holds. */
export const CLEAN = Object.freeze({ kind: "clean" });
export const UNSAVED = Object.freeze({ kind: "unsaved" });
const SAVING = Object.freeze({ kind: "saving" });

/**
 * The save state of one mask after `event`; a state is `{kind, ...}` with kind
 * clean, unsaved, saving, saved (`revision`), or why the last attempt did not work: login (the session has ended),
 * other_user (`name`), conflict (`details`), failed (`message`, worth another attempt), refused (`message`).
 *
 * Events: {type: "edited", dirty}, {type: "save"}, {type: "answer", outcome, dirty}, where `dirty` says whether the
 * mask now differs from what the server is known to hold.
 */
export function next(state, event) {
  switch (event.type) {
    case "edited":
      if (state.kind === "saving") return state; // the answer settles it
      if (!event.dirty) return CLEAN;
      return state.kind === "conflict" ? state : UNSAVED;
    case "save":
      return SAVING;
    case "answer":
      if (event.outcome.kind === "saved" && event.dirty) return UNSAVED; // drawn on meanwhile
      return event.outcome;
    default:
      throw new Error(`unknown event ${event.type}`);
  }
}

/**
 * One attempt to save a mask. Work is never filed under another name: who is logged in is asked first, since another
 * tab of a shared computer may have changed it.
 *
 * @param {{whoAmI: function(): Promise<{id, name}>, send: function(): Promise<object>}} server
 * @returns the outcome, as the states of `next`; only the server's own word makes it "saved".
 */
export async function attempt({ whoAmI, send }, userId) {
  try {
    const user = await whoAmI();
    if (user.id !== userId) return { kind: "other_user", name: user.name };
    const answer = await send();
    if (!Number.isInteger(answer?.revision)) return { kind: "failed", message: "" };
    return { kind: "saved", revision: answer.revision };
  } catch (error) {
    return outcomeOf(error);
  }
}

function outcomeOf(error) {
  // Anything but an ApiError is an answer that was cut off or is not ours (a proxy's page): not the server's word.
  if (!(error instanceof ApiError)) return { kind: "failed", message: "" };
  if (error.loginNeeded) return { kind: "login" };
  if (error.code === "newer_revision") return { kind: "conflict", details: error.details };
  return { kind: error.temporary ? "failed" : "refused", message: error.message };
}
