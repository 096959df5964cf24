/** A part of a page that the server renders, read again whenever something of it changes. */

import { announce, errorFrom, request } from "./api.js";
import { byId, say } from "./dom.js";
import { Live, socketAddress } from "./live.js";
import { sessionWorks, watchSession } from "./session.js";

/**
 * Keep the element `id` as the server would show it now. What goes wrong is said in `#problem`.
 * @param {string} id
 * @param {object} parts
 * @param {string} parts.socketPath of the websocket that hints at changes.
 * @param {(part: Element) => boolean} parts.isBusy whether something shown there is in work.
 * @param {() => (() => void)|null} [parts.keepFocus] asked before the part is replaced: what brings the focus back after.
 */
export function keepFresh(id, { socketPath, isBusy, keepFocus = () => null }) {
  const live = new Live({
    socketUrl: socketAddress(socketPath),
    read: () => readPage(id),
    onData: (page) => isBusy(show(page, id, keepFocus)),
    onError: (error) => error.loginNeeded || say(byId("problem"), error.message),
  });
  document.addEventListener("drweb:retry", () => live.refresh());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.refresh());
  watchSession();
  live.start();
}

/** The page as the server would show it now. */
async function readPage(id) {
  const response = await request("GET", location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.getElementById(id)) {
    throw announce(errorFrom(401, "")); // logged out: this address shows visitors another page
  }
  return page;
}

/** Put the part of `page` in the place of the one here where it says something else; returns the one that is shown. */
function show(page, id, keepFocus) {
  sessionWorks();
  say(byId("problem"), "");
  document.title = page.title;
  const old = byId(id);
  const fresh = page.getElementById(id);
  if (fresh.textContent === old.textContent) return old;
  const focus = keepFocus();
  old.replaceWith(document.adoptNode(fresh));
  focus?.();
  return fresh;
}
