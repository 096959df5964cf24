/** A banner for a session that has ended: log in again in another tab; what is on this page stays. */

import { byId, element } from "./dom.js";

const BANNER = "session-banner";

function show() {
  if (byId(BANNER)) {
    return;
  }
  const retry = () => document.dispatchEvent(new CustomEvent("drweb:retry"));
  const banner = element(
    "div",
    { id: BANNER, class: "message message--warning session-banner", role: "alert" },
    gettext("You are logged out. What you entered stays on this page."),
    " ",
    element("a", { href: "/accounts/login/", target: "_blank", rel: "opener" }, gettext("Log in in a new tab")),
    " ",
    element("button", { type: "button", class: "link-button", on: { click: retry } }, gettext("I am logged in again")),
  );
  document.body.prepend(banner);
}

function hide() {
  byId(BANNER)?.remove();
}

/** Watch for `drweb:login-needed`; `drweb:retry` is sent when the person says so or comes back to this tab. */
export function watchSession() {
  document.addEventListener("drweb:login-needed", show);
  document.addEventListener("drweb:online", hide);
  window.addEventListener("focus", () => {
    if (byId(BANNER)) {
      document.dispatchEvent(new CustomEvent("drweb:retry"));
    }
  });
}

/** Say that a call has worked again. */
export function sessionWorks() {
  document.dispatchEvent(new CustomEvent("drweb:online"));
}
