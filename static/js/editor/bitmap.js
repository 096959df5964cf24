/** Number of set bits of every byte value. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/**
 * A lesion mask, one bit a pixel. Rows are padded to whole bytes with zeros, the leftmost pixel is the most significant
 * bit: the layout of a scanline in a 1-bit PNG, so that 12 megapixels take 1.5 MB and go to a file without conversion.
 */
export class Bitmap {
  constructor(width, height, data = new Uint8Array(Math.ceil(width / 8) * height)) {
    this.width = width;
    this.height = height;
    this.stride = Math.ceil(width / 8); // bytes per row
    if (data.length !== this.stride * height) {
      throw new RangeError(`${data.length} bytes are no bitmap of ${width} x ${height} pixels`);
    }
    this.data = data;
  }

  clone() {
    return new Bitmap(this.width, this.height, this.data.slice());
  }

  /** Whether the pixel is set; outside of the bitmap nothing is. */
  get(x, y) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return false;
    return (this.data[y * this.stride + (x >> 3)] & (0x80 >> (x & 7))) !== 0;
  }

  /** Set (or clear) the pixels `from` <= x < `to` of row `y`, clipped to the bitmap. */
  fillRow(y, from, to, value) {
    const x0 = Math.max(from, 0);
    const x1 = Math.min(to, this.width) - 1; // the last one inside
    if (y < 0 || y >= this.height || x0 > x1) return;
    const first = y * this.stride + (x0 >> 3);
    const last = y * this.stride + (x1 >> 3);
    const head = 0xff >> (x0 & 7);
    const tail = 0xff << (7 - (x1 & 7));
    if (first === last) {
      this.#put(first, head & tail, value);
      return;
    }
    this.#put(first, head, value);
    this.data.fill(value ? 0xff : 0, first + 1, last);
    this.#put(last, tail, value);
  }

  /** Number of set pixels. */
  count() {
    return countBits(this.data.length, (i) => this.data[i]);
  }

  equals(other) {
    if (this.width !== other.width || this.height !== other.height) return false;
    for (let i = 0; i < this.data.length; i += 1) if (this.data[i] !== other.data[i]) return false;
    return true;
  }

  #put(index, bits, value) {
    if (value) this.data[index] |= bits;
    else this.data[index] &= ~bits;
  }
}

/** Number of set bits in `length` bytes, byte `i` being `byteAt(i)`. */
export function countBits(length, byteAt) {
  let total = 0;
  for (let i = 0; i < length; i += 1) total += BITS[byteAt(i) & 0xff];
  return total;
}
