import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, deflateSync, inflateSync } from "node:zlib";

import { Bitmap } from "../../../static/js/editor/bitmap.js";
import { decodePng, encodePng } from "../../../static/js/editor/png.js";

function pattern(width, height) {
  const bitmap = new Bitmap(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) if ((x * 7 + y * 13) % 5 < 2) bitmap.fillRow(y, x, x + 1, true);
  }
  return bitmap;
}

/** A PNG file from its scanlines (each with its filter byte), written here with zlib. */
function png({ width, height, depth = 1, colour = 0, interlace = 0 }, scanlines) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlace], 8);
  const chunk = (type, content) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(content.length, 0);
    frame.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = deflateSync(Buffer.from(scanlines));
  const half = Math.ceil(pixels.length / 2); // IDAT may come in parts
  return new Uint8Array(
    Buffer.concat([
      signature,
      chunk("IHDR", header),
      chunk("tEXt", Buffer.from("Comment\0x")),
      chunk("IDAT", pixels.subarray(0, half)),
      chunk("IDAT", pixels.subarray(half)),
      chunk("IEND", Buffer.alloc(0)),
    ]),
  );
}

function checksum(bytes) {
  if (crc32) return crc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test("what is written is read again", async () => {
  for (const [width, height] of [[1, 1], [7, 3], [8, 8], [4288, 17], [33, 100]]) {
    const bitmap = pattern(width, height);
    assert.ok((await decodePng(await encodePng(bitmap))).equals(bitmap), `${width} x ${height}`);
  }
});

test("what is written is a 1-bit greyscale PNG by the book", async () => {
  const bitmap = pattern(19, 5);
  const bytes = Buffer.from(await encodePng(bitmap));
  assert.deepEqual([...bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    assert.equal(bytes.readUInt32BE(at + 8 + length), checksum(body));
    chunks.push([body.subarray(0, 4).toString("latin1"), body.subarray(4)]);
    at += 12 + length;
  }
  assert.deepEqual(chunks.map(([type]) => type), ["IHDR", "IDAT", "IEND"]);
  assert.deepEqual([...chunks[0][1]], [0, 0, 0, 19, 0, 0, 0, 5, 1, 0, 0, 0, 0]);
  const scanlines = inflateSync(chunks[1][1]);
  assert.equal(scanlines.length, 5 * 4);
  assert.deepEqual([...scanlines.subarray(1, 4)], [...bitmap.data.subarray(0, 3)]);
});

test("all five scanline filters are undone", async () => {
  const rows = [[0b10110011, 0b01000000], [0b11110000, 0b11000000], [0b00001111, 0b10000000], [0xff, 0x40], [0x35, 0xc0]];
  const scanlines = rows.flatMap((row, y) => {
    const above = y > 0 ? rows[y - 1] : [0, 0];
    const filtered = row.map((byte, i) => {
      const [left, up, corner] = [i > 0 ? row[i - 1] : 0, above[i], i > 0 ? above[i - 1] : 0];
      const paeth = [left, up, corner].reduce((best, value) => {
        const estimate = left + up - corner;
        return Math.abs(estimate - value) < Math.abs(estimate - best) ? value : best;
      }, left);
      return (byte - [0, left, up, (left + up) >> 1, paeth][y]) & 0xff;
    });
    return [y, ...filtered];
  });
  const bitmap = await decodePng(png({ width: 10, height: 5 }, scanlines));
  assert.deepEqual([...bitmap.data], rows.flat());
});

test("8-bit masks are read, bits beyond the last pixel are dropped", async () => {
  const eight = await decodePng(png({ width: 3, height: 2, depth: 8 }, [0, 0, 255, 128, 0, 127, 1, 200]));
  assert.deepEqual([...eight.data], [0b01100000, 0b00100000]);
  const one = await decodePng(png({ width: 3, height: 1 }, [0, 0xff]));
  assert.equal(one.count(), 3);
});

test("what is no mask is refused, not taken for an empty one", async () => {
  await assert.rejects(decodePng(new TextEncoder().encode("<!DOCTYPE html><html>")), /not a PNG/);
  await assert.rejects(decodePng(png({ width: 1, height: 1, depth: 8, colour: 2 }, [0, 1, 2, 3])), /greyscale/);
  await assert.rejects(decodePng(png({ width: 1, height: 1, interlace: 1 }, [0, 0])), /greyscale/);
  await assert.rejects(decodePng(png({ width: 8, height: 2 }, [0, 0])), /damaged/);
  await assert.rejects(decodePng(png({ width: 8, height: 1 }, [9, 0])), /damaged/);
});
