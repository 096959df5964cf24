/** Signing, amending and adjudicating. The page comes again after each: what may be done next is the server's word. */

import { api } from "../api.js";
import { byId, say } from "../dom.js";
import { logIn, sessionWorks } from "../session.js";

export class Signing {
  #seen = "";

  /**
   * @param {object} parts
   * @param {number} parts.studyId
   * @param {string} parts.loginUrl
   * @param {import("./reading.js").ReadingForm} parts.reading
   * @param {() => string} parts.seen what the page shows now, as the server names it.
   * @param {() => void} parts.onChanged the study is not any more what the page shows.
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.dialog = byId("sign-dialog");
    byId("sign")?.addEventListener("click", () => this.#open());
    byId("sign-form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sign();
    });
    this.dialog?.querySelector("[data-close]").addEventListener("click", () => this.dialog.close());
    this.dialog?.addEventListener("close", () => {
      byId("sign-password").value = "";
    });
    byId("amend")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act("post", "amendment", { reason: byId("amend-reason").value });
    });
    byId("drop-amendment")?.addEventListener("click", () => this.#act("delete", "amendment"));
    for (const button of document.querySelectorAll("[data-adjudicate]")) {
      const reading = button.dataset.adjudicate;
      button.addEventListener("click", () =>
        this.#act("post", "adjudication", { based_on: reading === "" ? null : Number(reading) }),
      );
    }
  }

  #open() {
    this.#seen = this.seen(); // what the reader looks at now, not what arrives behind the dialog
    say(byId("sign-error"), "");
    this.dialog.showModal();
    byId("sign-password").focus();
  }

  async #sign() {
    const password = byId("sign-password").value;
    const button = byId("sign-form").querySelector("[type=submit]");
    button.disabled = true;
    say(byId("sign-error"), "");
    try {
      await this.#send(password);
      sessionWorks();
      this.#comeAgain();
    } catch (error) {
      say(byId("sign-error"), error.message);
      byId("sign-password").select();
      if (error.code === "changed_since_seen") {
        this.onChanged();
      }
    } finally {
      button.disabled = false;
    }
  }

  /** Sign; where the session has ended, the password that was just typed logs in again first. */
  async #send(password) {
    const signature = { ...this.reading.value, password, seen: this.#seen };
    try {
      await api.post(this.#address("sign"), signature);
    } catch (error) {
      if (!error.loginNeeded) {
        throw error;
      }
      if (!(await logIn(this.loginUrl, byId("sign-username").value, password))) {
        throw new Error(gettext("You are logged out, and the password is not right. Nothing was signed."), { cause: error });
      }
      await api.post(this.#address("sign"), signature);
    }
  }

  async #act(method, what, body) {
    say(byId("reading-problem"), "");
    try {
      await this.reading.flush();
      await api[method](this.#address(what), body);
      this.#comeAgain();
    } catch (error) {
      say(byId("reading-problem"), error.message);
    }
  }

  #comeAgain() {
    this.reading.forget();
    window.location.reload();
  }

  #address(what) {
    return `/api/studies/${this.studyId}/${what}`;
  }
}
