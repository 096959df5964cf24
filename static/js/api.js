/**
 * The one way pages talk to the server.
 *
 * Every call answers with parsed JSON (or a Blob), or throws an `ApiError` that carries what the server said:
 * `{"error": {"code", "message", "details"}}`. A call that fails because the session has ended also dispatches
 * `drweb:login-needed` on the document; whoever holds unsaved work keeps it and tries again after `drweb:online`.
 */

export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 where no answer came at all.
   * @param {string} code for programs, e.g. "newer_revision".
   * @param {string} message one sentence for people.
   * @param {object} details per field or per code.
   */
  constructor(status, code, message, details = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** True where the session has ended: nothing is wrong with what was sent. */
  get loginNeeded() {
    return this.status === 401 || this.code === "not_authenticated";
  }

  /** True where trying the same again may work: no connection, overload, a server error. */
  get temporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The CSRF token of this moment: it changes when somebody logs in again in another tab. */
export function csrfToken(cookies = document.cookie) {
  const entry = cookies.split(/;\s*/).find((cookie) => cookie.startsWith("csrftoken="));
  return entry ? decodeURIComponent(entry.slice("csrftoken=".length)) : "";
}

/** Sentence for an answer that is no JSON of ours: a proxy's page, a lost connection. */
function sentenceFor(status) {
  if (status === 0) {
    return gettext("The server cannot be reached. Check the network and try again.");
  }
  if (status === 401) {
    return gettext("You are logged out. Log in again; what is on this page stays.");
  }
  if (status === 413) {
    return gettext("The file is larger than the server accepts.");
  }
  return interpolate(gettext("The server answered with an error (%s). Try again; if it stays, tell your administrator."), [
    status,
  ]);
}

/** Build the error for a status and the text of its body. */
export function errorFrom(status, text) {
  let error = null;
  try {
    error = JSON.parse(text).error;
  } catch {
    // Not JSON: a proxy's page.
  }
  if (error && typeof error.message === "string") {
    const details = error.details ?? {};
    const message = details.reference ? `${error.message} (${details.reference})` : error.message;
    return new ApiError(status, error.code ?? "error", message, details);
  }
  return new ApiError(status, status === 0 ? "unreachable" : "http_error", sentenceFor(status));
}

/** Tell the page that the session has ended; used here and by uploads. */
export function announce(error) {
  if (error.loginNeeded) {
    document.dispatchEvent(new CustomEvent("drweb:login-needed", { detail: error }));
  }
  return error;
}

/** @returns {Promise<Response>} an answer with a 2xx status; throws `ApiError` otherwise. */
export async function request(method, url, { json, form, signal, headers = {} } = {}) {
  const options = { method, signal, credentials: "same-origin", headers: { Accept: "application/json", ...headers } };
  if (method !== "GET") {
    options.headers["X-CSRFToken"] = csrfToken();
  }
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  } else if (form !== undefined) {
    options.body = form;
  }
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw errorFrom(0, "");
  }
  if (!response.ok) {
    throw announce(errorFrom(response.status, await response.text()));
  }
  return response;
}

async function parsed(response) {
  return response.status === 204 ? null : response.json();
}

export const api = {
  get: async (url, options) => parsed(await request("GET", url, options)),
  post: async (url, json, options) => parsed(await request("POST", url, { json, ...options })),
  put: async (url, json, options) => parsed(await request("PUT", url, { json, ...options })),
  patch: async (url, json, options) => parsed(await request("PATCH", url, { json, ...options })),
  delete: async (url, json, options) => parsed(await request("DELETE", url, { json, ...options })),
  /** Multipart: `form` is a FormData. */
  send: async (url, form, options) => parsed(await request("POST", url, { form, ...options })),
  /** A file in the answer, with the name the server gives it: `{blob, filename}`. */
  file: async (method, url, options) => {
    const response = await request(method, url, options);
    return { blob: await response.blob(), filename: filenameOf(response.headers.get("Content-Disposition") ?? "") };
  },
};

/** The name in a Content-Disposition header; "" where there is none. */
export function filenameOf(disposition) {
  const encoded = /filename\*=(?:utf-8|UTF-8)''([^;]+)/.exec(disposition);
  if (encoded) {
    return decodeURIComponent(encoded[1]);
  }
  return /filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "";
}
