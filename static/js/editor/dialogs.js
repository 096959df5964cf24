import { byId, say } from "../dom.js";
import { formatTime } from "./format.js";

/** What the user has to answer: logging in again, and what to do about somebody else's newer revision. */
export class Dialogs {
  #layer = null;

  constructor(editor, server, attend) {
    this.editor = editor;
    this.server = server;
    this.attend = attend;
    for (const button of document.querySelectorAll("dialog [data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    for (const button of byId("editor-conflict").querySelectorAll("[data-choice]")) {
      button.addEventListener("click", () => this.#decide(button.dataset.choice));
    }
    byId("editor-login-username").value = editor.user.username;
    byId("editor-login-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#logIn();
    });
  }

  help() {
    byId("editor-help").showModal();
  }

  // --- Session ---

  login() {
    say(byId("editor-login-error"), "");
    const dialog = byId("editor-login");
    if (!dialog.open) dialog.showModal();
    byId("editor-login-password").focus();
  }

  async #logIn() {
    const password = byId("editor-login-password");
    const button = byId("editor-login-form").querySelector("button");
    button.disabled = true;
    try {
      const right = await this.server.logIn(this.editor.user.username, password.value);
      if (right) {
        byId("editor-login").close();
        this.attend(this.editor.save());
      } else {
        say(byId("editor-login-error"), gettext("The password is not right. Try again."));
        password.select();
      }
    } catch (error) {
      say(byId("editor-login-error"), error.message);
    } finally {
      if (byId("editor-login").open === false) password.value = "";
      button.disabled = false;
    }
  }

  // --- Conflict ---

  conflict(layer, { latest_revision: revision, author, created_at: time }) {
    this.#layer = layer;
    byId("editor-conflict-facts").textContent = interpolate(
      gettext("%(author)s saved revision %(revision)s of %(lesion)s on %(time)s, while you were working from an older one."),
      { author, revision, lesion: layer.label, time: formatTime(time) },
      true,
    );
    const dialog = byId("editor-conflict");
    if (!dialog.open) dialog.showModal();
  }

  #decide(choice) {
    byId("editor-conflict").close();
    const act = {
      compare: () => this.editor.compareWithNewest(this.#layer),
      saveOnTop: () => this.editor.saveOnTop(this.#layer),
      discard: () => this.editor.discard(this.#layer),
    }[choice];
    this.attend(act());
  }
}
