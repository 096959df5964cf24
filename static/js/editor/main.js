import { byId, pageData } from "../dom.js";
import { Codec } from "./codec.js";
import { Dialogs } from "./dialogs.js";
import { Drafts } from "./drafts.js";
import { Editor } from "./editor.js";
import { Gestures } from "./gestures.js";
import { Notices } from "./notices.js";
import { Panel } from "./panel.js";
import { Server } from "./server.js";
import { listen } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { Toolbar } from "./toolbar.js";

const ZOOM_STEP = 1.25;
const PAN_STEP = 80; // px of the screen

const state = pageData("editor-state");
const server = new Server(state);
const drafts = Drafts.open({ user: state.user.id, image: state.image.id });
drafts.catch(() => {}); // told by whoever uses them
const editor = new Editor({ state, server, codec: new Codec(), drafts });

const dialogs = new Dialogs(editor, server, attend);
const notices = new Notices(editor, dialogs);

/** Tell the user where something that takes time does not work. */
function attend(promise) {
  return promise?.catch((error) => notices.failed(error));
}

async function start() {
  try {
    await editor.open();
  } catch (error) {
    byId("editor-loading").textContent = interpolate(gettext("The masks could not be loaded: %s Reload the page."), [
      error.message,
    ]);
    return;
  }
  const stage = new Stage(editor, {
    stage: byId("editor-stage"),
    photo: byId("editor-photo"),
    canvas: byId("editor-canvas"),
    ring: byId("editor-ring"),
  });
  stage.addEventListener("nophoto", () => {
    notices.failed(new Error(gettext("The photograph could not be loaded. Reload the page.")));
  });
  const actions = actionsOf(stage);
  new Toolbar(editor, stage, actions, byId("content"));
  new Panel(editor, attend);
  listen(actions, new Gestures(editor, stage));
  guardUnsavedWork();
  byId("editor-loading").hidden = true;
  byId("editor").setAttribute("aria-busy", "false");
}

/** Everything that buttons and keys can do, by name. */
function actionsOf(stage) {
  const looking = {
    lesion: (index) => editor.layers[index] && editor.select(editor.layers[index]),
    zoomIn: () => stage.move((view) => view.zoom(ZOOM_STEP)),
    zoomOut: () => stage.move((view) => view.zoom(1 / ZOOM_STEP)),
    fit: () => stage.move((view) => view.fit()),
    actualSize: () => stage.actualSize(),
    pan: (x, y) => stage.move((view) => view.pan(x * PAN_STEP, y * PAN_STEP)),
    toggleMasks: () => editor.set({ masksVisible: !editor.masksVisible }),
    toggleComparison: () => attend(editor.compareWith(editor.comparison ? null : 0)),
    help: () => dialogs.help(),
  };
  if (!editor.mayCorrect) return looking;
  return {
    ...looking,
    tool: (tool) => editor.set({ tool }),
    smaller: () => editor.stepSize(-1),
    larger: () => editor.stepSize(1),
    undo: () => editor.undo(),
    redo: () => editor.redo(),
    save: () => attend(editor.save()),
  };
}

function guardUnsavedWork() {
  window.addEventListener("beforeunload", (event) => {
    if (editor.unsaved.length > 0) event.preventDefault();
  });
}

start();
