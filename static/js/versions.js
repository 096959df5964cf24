/** Two versions compared: the page follows while the other one is at the photographs. */

import { byId } from "./dom.js";
import { keepFresh } from "./live-part.js";

keepFresh("comparison", {
  socketPath: `/ws/studies/${byId("comparison").dataset.study}/`,
  isBusy: (part) => part.querySelector("[data-open]") !== null,
});
