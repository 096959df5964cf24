import { countBits } from "./bitmap.js";

/**
 * How `mask` differs from `reference`: pixels that were added, removed, and that both hold, and the Dice coefficient
 * 2|A∩B| / (|A| + |B|), which is null where both are empty.
 */
export function compare(mask, reference) {
  if (mask.width !== reference.width || mask.height !== reference.height) {
    throw new RangeError("only masks of the same size can be compared");
  }
  const a = mask.data;
  const b = reference.data;
  const added = countBits(a.length, (i) => a[i] & ~b[i]);
  const removed = countBits(a.length, (i) => b[i] & ~a[i]);
  const unchanged = countBits(a.length, (i) => a[i] & b[i]);
  const both = 2 * unchanged + added + removed;
  return { added, removed, unchanged, dice: both > 0 ? (2 * unchanged) / both : null };
}

/** [r, g, b]; apart in lightness and along the blue-yellow axis, so that colour-blind readers tell them apart too. */
export const COMPARISON_COLOURS = Object.freeze({
  added: [0, 114, 255],
  removed: [255, 214, 0],
  unchanged: [255, 255, 255],
});
