import { Bitmap } from "./bitmap.js";
import { decodePng, encodePng } from "./png.js";

/** Packs and unpacks masks beside the page, so that drawing never waits for it. */
self.addEventListener("message", async ({ data: { id, encode, decode } }) => {
  try {
    if (encode) {
      const png = await encodePng(new Bitmap(encode.width, encode.height, encode.data));
      self.postMessage({ id, result: png }, [png.buffer]);
    } else {
      const { width, height, data } = await decodePng(decode);
      self.postMessage({ id, result: { width, height, data } }, [data.buffer]);
    }
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
});
