/** Sends one file with progress; `fetch` cannot tell how much of a body has left. */

import { announce, csrfToken, errorFrom } from "./api.js";

/**
 * @param {string} url
 * @param {FormData} form
 * @param {object} watch
 * @param {(share: number) => void} watch.onProgress 0 to 1.
 * @param {AbortSignal} [watch.signal]
 * @returns {Promise<object>} the parsed answer; rejects with an `ApiError`.
 */
export function upload(url, form, { onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) {
        onProgress?.(event.loaded / event.total);
      }
    });
    request.addEventListener("load", () => {
      if (request.status < 200 || request.status >= 300) {
        reject(announce(errorFrom(request.status, request.responseText)));
        return;
      }
      try {
        resolve(JSON.parse(request.responseText));
      } catch {
        reject(errorFrom(502, ""));
      }
    });
    request.addEventListener("error", () => reject(errorFrom(0, "")));
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
