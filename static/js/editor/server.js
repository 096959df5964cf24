import { api, request } from "../api.js";
import { logIn } from "../session.js";

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

  /** See `logIn` of the session. */
  logIn(username, password) {
    return logIn(this.urls.login, username, password);
  }
}
