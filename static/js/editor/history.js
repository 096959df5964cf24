import { tilesOf, union, whole } from "./rect.js";

const TILE = 64; // px; a tile of a bitmap is 512 bytes
const TILE_BYTES = TILE / 8;

/**
 * Notes what one step (a stroke, or taking over another mask) changes, tile by tile, whatever its shape: a thin line
 * across the whole photograph costs some kilobytes.
 */
export class Recorder {
  #before = new Map();

  constructor(bitmap) {
    this.bitmap = bitmap;
  }

  /** To be called before the pixels of `rect` (inside the bitmap) are changed. */
  touch(rect) {
    for (const tile of tilesOf(rect, TILE)) {
      const key = `${tile.column},${tile.row}`;
      if (!this.#before.has(key)) this.#before.set(key, { ...tile, bytes: readTile(this.bitmap, tile) });
    }
  }

  /** The step as a patch: XOR of before and after, so that the same patch undoes and redoes. `null`: no change. */
  finish() {
    const tiles = [];
    for (const { column, row, bytes } of this.#before.values()) {
      const after = readTile(this.bitmap, { column, row });
      if (bytes.some((byte, i) => byte !== after[i])) {
        tiles.push({ column, row, bytes: bytes.map((byte, i) => byte ^ after[i]) });
      }
    }
    this.#before.clear();
    return tiles.length > 0 ? tiles : null;
  }

  /** Put everything back as it was; returns the rectangle that changed, or null. */
  cancel() {
    const patch = this.finish();
    return patch && applyPatch(this.bitmap, patch);
  }
}

/** Undo or redo a step; returns the rectangle that changed. */
export function applyPatch(bitmap, patch) {
  let changed = null;
  for (const { column, row, bytes } of patch) {
    eachTileRow(bitmap, { column, row }, (start, length, offset) => {
      for (let i = 0; i < length; i += 1) bitmap.data[start + i] ^= bytes[offset + i];
    });
    const x0 = column * TILE;
    const y0 = row * TILE;
    changed = union(changed, {
      x0,
      y0,
      x1: Math.min(x0 + TILE, bitmap.width),
      y1: Math.min(y0 + TILE, bitmap.height),
    });
  }
  return changed;
}

/** Make `bitmap` equal to `other`, as one step. */
export function replaceAll(bitmap, other) {
  const recorder = new Recorder(bitmap);
  recorder.touch(whole(bitmap));
  bitmap.data.set(other.data);
  return recorder.finish();
}

/** The steps of one mask. The oldest are forgotten once all together take more than `limit` bytes. */
export class History {
  #done = [];
  #undone = [];

  constructor(limit = 16 * 1024 * 1024) {
    this.limit = limit;
    this.bytes = 0;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  push(patch) {
    this.bytes -= sum(this.#undone);
    this.#undone = [];
    this.#done.push(patch);
    this.bytes += sizeOf(patch);
    while (this.bytes > this.limit && this.#done.length > 1) this.bytes -= sizeOf(this.#done.shift());
  }

  /** Take back the last step; returns the changed rectangle, or null where there is none. */
  undo(bitmap) {
    return this.#move(this.#done, this.#undone, bitmap);
  }

  redo(bitmap) {
    return this.#move(this.#undone, this.#done, bitmap);
  }

  #move(from, to, bitmap) {
    const patch = from.pop();
    if (!patch) return null;
    to.push(patch);
    return applyPatch(bitmap, patch);
  }
}

function sizeOf(patch) {
  return patch.length * TILE * TILE_BYTES;
}

function sum(patches) {
  return patches.reduce((total, patch) => total + sizeOf(patch), 0);
}

function readTile(bitmap, tile) {
  const bytes = new Uint8Array(TILE * TILE_BYTES);
  eachTileRow(bitmap, tile, (start, length, offset) => bytes.set(bitmap.data.subarray(start, start + length), offset));
  return bytes;
}

function eachTileRow(bitmap, { column, row }, visit) {
  const left = column * TILE_BYTES;
  const length = Math.min(TILE_BYTES, bitmap.stride - left);
  const rows = Math.min(TILE, bitmap.height - row * TILE);
  for (let i = 0; i < rows; i += 1) visit((row * TILE + i) * bitmap.stride + left, length, i * TILE_BYTES);
}
