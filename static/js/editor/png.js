import { Bitmap } from "./bitmap.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const GREY = 0;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** `bitmap` as the bytes of a 1-bit greyscale PNG; white is lesion. */
export async function encodePng(bitmap) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, bitmap.width);
  view.setUint32(4, bitmap.height);
  header.set([1, GREY, 0, 0, 0], 8);
  const scanlines = new Uint8Array((bitmap.stride + 1) * bitmap.height); // each after its filter byte 0
  for (let y = 0; y < bitmap.height; y += 1) {
    const row = bitmap.data.subarray(y * bitmap.stride, (y + 1) * bitmap.stride);
    scanlines.set(row, y * (bitmap.stride + 1) + 1);
  }
  const pixels = await throughStream(scanlines, new CompressionStream("deflate"));
  return concatenate([SIGNATURE, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", new Uint8Array(0))]);
}

/**
 * The mask in a greyscale PNG of 1 or 8 bits a pixel, as the server sends them. Throws where it is anything else:
 * a mask that is not understood must not look like an empty one.
 */
export async function decodePng(bytes) {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) throw new Error("not a PNG file");
  const { header, pixels } = readChunks(bytes);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, , , interlace] = header.subarray(8);
  if (colour !== GREY || ![1, 8].includes(depth) || interlace !== 0) {
    throw new Error(`not a greyscale mask (colour type ${colour}, ${depth} bits, interlace ${interlace})`);
  }
  const rowBytes = depth === 1 ? Math.ceil(width / 8) : width;
  const scanlines = await throughStream(pixels, new DecompressionStream("deflate"));
  if (scanlines.length !== (rowBytes + 1) * height) throw new Error("the PNG file is damaged");
  const rows = unfilter(scanlines, rowBytes, height);
  return depth === 1 ? packed(rows, width, height) : thresholded(rows, width, height);
}

function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  let header = null;
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") header = content;
    if (type === "IDAT") parts.push(content);
    at += 12 + length;
  }
  if (!header || parts.length === 0) throw new Error("the PNG file is damaged");
  return { header, pixels: concatenate(parts) };
}

/** Undo the scanline filters of PNG (specification, section 9) for pixels of at most one byte. */
function unfilter(scanlines, rowBytes, height) {
  const rows = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y += 1) {
    const filter = scanlines[y * (rowBytes + 1)];
    const source = scanlines.subarray(y * (rowBytes + 1) + 1, (y + 1) * (rowBytes + 1));
    const row = rows.subarray(y * rowBytes, (y + 1) * rowBytes);
    if (filter === 0) {
      row.set(source);
      continue;
    }
    const above = y > 0 ? rows.subarray((y - 1) * rowBytes, y * rowBytes) : new Uint8Array(rowBytes);
    for (let i = 0; i < rowBytes; i += 1) {
      row[i] = source[i] + predicted(filter, i > 0 ? row[i - 1] : 0, above[i], i > 0 ? above[i - 1] : 0);
    }
  }
  return rows;
}

function predicted(filter, left, above, corner) {
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  if (filter !== 4) throw new Error("the PNG file is damaged");
  const estimate = left + above - corner; // Paeth
  const [byLeft, byAbove, byCorner] = [left, above, corner].map((value) => Math.abs(estimate - value));
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

function packed(rows, width, height) {
  const bitmap = new Bitmap(width, height, rows);
  if (width % 8 !== 0) {
    const used = 0xff << (8 - (width % 8));
    for (let last = bitmap.stride - 1; last < rows.length; last += bitmap.stride) rows[last] &= used;
  }
  return bitmap;
}

function thresholded(rows, width, height) {
  const bitmap = new Bitmap(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) if (rows[y * width + x] > 127) bitmap.fillRow(y, x, x + 1, true);
  }
  return bitmap;
}

async function throughStream(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

function chunk(type, content) {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set([...type].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function concatenate(parts) {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
