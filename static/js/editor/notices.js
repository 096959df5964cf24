import { byId, element } from "../dom.js";
import { formatTime, revisionName } from "./format.js";

const PASSING = 6000; // ms that good news stays

/** Tells the user what happened, over the photograph; what needs a decision goes to `dialogs`. */
export class Notices {
  #shown = new Map(); // by lesion, or what else it is about: {element, kind}
  #viewed = undefined;

  constructor(editor, dialogs) {
    this.editor = editor;
    this.dialogs = dialogs;
    editor.addEventListener("notice", ({ detail }) => this.tell(detail));
    editor.addEventListener("change", () => this.#changed());
  }

  tell(notice) {
    const { layer, kind, message } = notice;
    if (kind === "login") this.dialogs.login();
    else if (kind === "conflict") this.dialogs.conflict(layer, notice.details);
    const about = layer?.code ?? kind;
    this.#remove(about);
    const text = this.#text(notice, layer?.label, message);
    if (text) this.#show(about, text, { kind, ...this.#manner(notice) });
  }

  /** Something that was asked for could not be done. */
  failed(error) {
    this.#remove("error");
    this.#show("error", error.message, { tone: "error" });
  }

  #changed() {
    for (const { code, dirty } of this.editor.layers) {
      if (!dirty && this.#shown.get(code)?.kind !== "saved") this.#remove(code); // undone or discarded: settled
    }
    this.#tellViewed();
  }

  /** As long as another revision than the own work is on the screen, say so: it cannot be drawn on. */
  #tellViewed() {
    const number = this.editor.mayCorrect ? this.editor.viewed?.number : undefined;
    if (number === this.#viewed) return;
    this.#viewed = number;
    this.#remove("viewed");
    if (number === undefined) return;
    const text = interpolate(gettext("You are looking at: %s."), [revisionName(number)]);
    this.#show("viewed", text, { tone: "info", button: [gettext("Back to your work"), () => this.editor.look(null)] });
  }

  #text({ kind, name, outdated, revision, savedAt }, lesion, message) {
    const lost = gettext("Your work is kept in this browser.");
    switch (kind) {
      case "restored": {
        const restored = interpolate(
          gettext("%(lesion)s: changes of %(time)s that were not saved are back."),
          { lesion, time: formatTime(savedAt) },
          true,
        );
        const newer = gettext("Somebody has saved a newer revision meanwhile; you will be asked when you save.");
        return outdated ? `${restored} ${newer}` : restored;
      }
      case "saved":
        return interpolate(gettext("%(lesion)s: saved as revision %(revision)s."), { lesion, revision }, true);
      case "login":
        return interpolate(gettext("%s: not saved, your session has ended."), [lesion]);
      case "conflict":
        return interpolate(gettext("%s: not saved, there is a newer revision."), [lesion]);
      case "other_user": {
        const other = gettext(
          "%(lesion)s: not saved. %(other)s is logged in now, but this is the work of %(owner)s. Log out and log in as %(owner)s; the work is kept in this browser.",
        );
        return interpolate(other, { lesion, other: name, owner: this.editor.user.name }, true);
      }
      case "failed": {
        const reason = message || gettext("The server did not confirm it.");
        return `${interpolate(gettext("%s: not saved."), [lesion])} ${reason} ${lost}`;
      }
      case "refused":
        return `${interpolate(gettext("%s: not saved."), [lesion])} ${message}`;
      case "no_drafts":
        return gettext("This browser does not keep drafts (a private window?). Save often: what is not saved is lost with the page.");
      default:
        return "";
    }
  }

  #manner({ kind, layer, details }) {
    const again = [gettext("Try again"), () => this.editor.saveLayer(layer)];
    switch (kind) {
      case "saved":
        return { tone: "success", passing: true };
      case "restored":
        return { tone: "warning", button: [gettext("Discard them"), () => this.editor.discard(layer)] };
      case "login":
        return { tone: "error", button: [gettext("Log in"), () => this.dialogs.login()] };
      case "conflict":
        return { tone: "error", button: [gettext("Decide"), () => this.dialogs.conflict(layer, details)] };
      case "no_drafts":
        return { tone: "warning" };
      default:
        return { tone: "error", button: again };
    }
  }

  #show(about, text, { kind, tone, button, passing = false }) {
    const notice = element("div", { class: `message message--${tone} editor-notice` });
    notice.append(element("p", {}, text));
    if (button) notice.append(this.#button(about, ...button));
    const click = () => this.#remove(about);
    const aria = { label: gettext("Close") };
    notice.append(element("button", { type: "button", class: "editor-notice__close", aria, on: { click } }, "×"));
    byId("editor-notices").append(notice);
    this.#shown.set(about, { element: notice, kind });
    if (passing) setTimeout(() => this.#shown.get(about)?.element === notice && this.#remove(about), PASSING);
  }

  #button(about, text, act) {
    const click = async () => {
      this.#remove(about);
      try {
        await act();
      } catch (error) {
        this.failed(error);
      }
    };
    return element("button", { type: "button", class: "button button--quiet button--small", on: { click } }, text);
  }

  #remove(about) {
    this.#shown.get(about)?.element.remove();
    this.#shown.delete(about);
  }
}
