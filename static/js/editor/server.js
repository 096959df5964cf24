import { api, ApiError, csrfToken, request } from "../api.js";

/** What the editor asks the server for. */
export class Server {
  constructor({ image, urls }) {
    this.image = image;
    this.urls = urls;
  }

  /** Who is logged in, and every revision of every lesion: the same that the page came with. */
  state() {
    return api.get(this.urls.state);
  }

  /** @returns {Promise<Uint8Array>} the PNG file of a mask. */
  async mask(url) {
    const response = await request("GET", url, { headers: { Accept: "image/png" } });
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Keep a mask as a new revision of `lesion`; rejects with an `ApiError`, newer_revision where `base` is outdated. */
  save({ lesion, base, png }) {
    const form = new FormData();
    form.append("image", new Blob([png], { type: "image/png" }), `${lesion}.png`);
    form.append("image_id", this.image.id);
    form.append("lesion", lesion);
    form.append("base_revision", base);
    return api.send(this.urls.save, form);
  }

  /**
   * Log in again without leaving the page. Resolves to whether name and password were right; rejects with an
   * `ApiError` where the server cannot be reached or refuses to answer (too many attempts).
   */
  async logIn(username, password) {
    if (!csrfToken()) await request("GET", this.urls.login, { headers: { Accept: "text/html" } }); // sets the cookie
    let response;
    try {
      response = await fetch(this.urls.login, {
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
}
