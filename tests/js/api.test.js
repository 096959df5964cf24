import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import "./browser.js";
import { api, ApiError, csrfToken, errorFrom, filenameOf } from "../../static/js/api.js";

const answer = (status, body, headers = {}) =>
  new Response(body === null ? null : typeof body === "string" ? body : JSON.stringify(body), { status, headers });

let events = [];

beforeEach(() => {
  events = [];
  globalThis.document = { cookie: "a=1; csrftoken=tok%2Ben; b=2", dispatchEvent: (event) => events.push(event.type) };
});

afterEach(() => {
  mock.restoreAll();
  delete globalThis.document;
});

function serve(response) {
  return mock.method(globalThis, "fetch", async () => {
    if (response instanceof Error) {
      throw response;
    }
    return response;
  });
}

test("the CSRF token is read from the cookies of the moment", () => {
  assert.equal(csrfToken(), "tok+en");
  assert.equal(csrfToken("xcsrftoken=no"), "");
});

test("JSON is sent with the token and parsed", async () => {
  const fetched = serve(answer(200, { ok: true }));
  assert.deepEqual(await api.put("/x", { a: 1 }), { ok: true });
  const [url, options] = fetched.mock.calls[0].arguments;
  assert.equal(url, "/x");
  assert.equal(options.method, "PUT");
  assert.equal(options.headers["X-CSRFToken"], "tok+en");
  assert.equal(options.body, '{"a":1}');
});

test("a form goes as it is, so that the browser sets the boundary", async () => {
  const fetched = serve(answer(200, {}));
  const form = new FormData();
  await api.send("/x", form);
  const [, options] = fetched.mock.calls[0].arguments;
  assert.equal(options.body, form);
  assert.equal(options.headers["Content-Type"], undefined);
});

test("an error of the server keeps code, sentence and details", async () => {
  serve(answer(409, { error: { code: "newer_revision", message: "Somebody was faster.", details: { latest_revision: 3 } } }));
  await assert.rejects(api.post("/x", {}), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code, error.message], [409, "newer_revision", "Somebody was faster."]);
    assert.equal(error.details.latest_revision, 3);
    assert.equal(error.temporary, false);
    return true;
  });
});

test("a proxy's page becomes a sentence", () => {
  assert.match(errorFrom(502, "<html>Bad gateway</html>").message, /502/);
  assert.match(errorFrom(413, "<html>").message, /larger than the server accepts/);
  assert.equal(errorFrom(502, "").temporary, true);
});

test("the reference of an unforeseen error is shown with its sentence", () => {
  const body = JSON.stringify({ error: { code: "server_error", message: "Give the reference.", details: { reference: "ab12" } } });
  assert.equal(errorFrom(500, body).message, "Give the reference. (ab12)");
});

test("no connection is an error of its own", async () => {
  serve(new TypeError("fetch failed"));
  await assert.rejects(api.get("/x"), { status: 0, code: "unreachable", temporary: true });
});

test("an ended session is announced", async () => {
  serve(answer(401, { error: { code: "not_authenticated", message: "Log in." } }));
  await assert.rejects(api.get("/x"), { loginNeeded: true });
  assert.deepEqual(events, ["drweb:login-needed"]);
});

test("a role that may not is no ended session", async () => {
  serve(answer(403, { error: { code: "not_allowed", message: "Your role ..." } }));
  await assert.rejects(api.get("/x"), { loginNeeded: false });
  assert.deepEqual(events, []);
});

test("an aborted call stays what it is", async () => {
  serve(new DOMException("", "AbortError"));
  await assert.rejects(api.get("/x"), { name: "AbortError" });
});

test("a file comes with its name", async () => {
  serve(answer(200, "%PDF", { "Content-Disposition": "attachment; filename*=utf-8''%E6%8A%A5%E5%91%8A.pdf" }));
  const { blob, filename } = await api.file("POST", "/x");
  assert.equal(filename, "报告.pdf");
  assert.equal(await blob.text(), "%PDF");
  assert.equal(filenameOf('attachment; filename="a b.pdf"'), "a b.pdf");
  assert.equal(filenameOf("attachment"), "");
});

test("an empty answer is null", async () => {
  serve(answer(204, null));
  assert.equal(await api.post("/x"), null);
});
