/** A banner for a session that has ended: log in again in another tab; what is on this page stays. */

import { ApiError, csrfToken, request } from "./api.js";
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

/**
 * Log in again without leaving the page. Resolves to whether name and password were right; rejects with an `ApiError`
 * where the server cannot be reached or refuses to answer (too many attempts).
 */
export async function logIn(url, username, password) {
  if (!csrfToken()) await request("GET", url, { headers: { Accept: "text/html" } }); // sets the cookie
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      redirect: "manual", // where a successful login would lead to
      headers: { "X-CSRFToken": csrfToken() },
      body: new URLSearchParams({ username, password }),
    });
  } catch {
    throw new ApiError(0, "unreachable", gettext("The server cannot be reached. Check the network and try again."));
  }
  if (response.type === "opaqueredirect") return true;
  if (response.ok) return false; // the form again, with its complaint
  throw new ApiError(
    response.status,
    "login_refused",
    gettext("The server refuses logins from here at the moment. Wait some minutes and try again."),
  );
}
