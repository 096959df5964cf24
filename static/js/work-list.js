/** The work-list: keys walk through it, and it is read again whenever something of it changes. */

import { announce, errorFrom, request } from "./api.js";
import { byId, say } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { Live, socketAddress } from "./live.js";
import { sessionWorks, watchSession } from "./session.js";
import { rowToChoose } from "./work-list/rows.js";

let chosen = null;
let place = 0;

const rows = () => [...byId("work-list").querySelectorAll("[data-study]")];
const rowOf = (study) => rows().find((row) => row.dataset.study === study);
const studies = () => rows().map((row) => row.dataset.study);

function choose(study) {
  rowOf(study)?.querySelector(".study-link").focus();
}

function walk(step) {
  choose(rowToChoose(studies(), chosen, step, place));
}

/** Whatever of a row has the focus, the row is the chosen one. */
function remember(event) {
  const row = event.target.closest?.("#work-list [data-study]");
  if (row) {
    chosen = row.dataset.study;
    place = studies().indexOf(chosen);
  }
}

/** The page as the server would show it now. */
async function read() {
  const response = await request("GET", location.href, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.getElementById("work-list")) {
    throw announce(errorFrom(401, "")); // logged out: this address shows visitors another page
  }
  return page;
}

/** Put the list of `page` in the place of this one; the focus stays in its row. Always busy: colleagues are at work. */
function show(page) {
  sessionWorks();
  say(byId("problem"), "");
  document.title = page.title;
  const old = byId("work-list");
  const fresh = page.getElementById("work-list");
  if (fresh.textContent === old.textContent) return true;
  const focused = old.contains(document.activeElement) && document.activeElement.closest("[data-study]") !== null;
  old.replaceWith(document.adoptNode(fresh));
  if (focused) walk(0);
  return true;
}

function report(error) {
  if (!error.loginNeeded) say(byId("problem"), error.message);
}

function takeOrGiveBack() {
  rowOf(chosen)?.querySelector(".desk button")?.click();
}

const live = new Live({ socketUrl: socketAddress("/ws/work-list/"), read, onData: show, onError: report });

listenForKeys({
  j: () => walk(1),
  k: () => walk(-1),
  n: () => byId("next-case")?.click(),
  t: takeOrGiveBack,
  "/": () => byId("id_q").focus(),
  "?": () => byId("keys").showModal(),
});
byId("show-keys").addEventListener("click", () => byId("keys").showModal());
document.addEventListener("focusin", remember);
document.addEventListener("drweb:retry", () => live.refresh());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.refresh());
watchSession();
live.start();
