// How wide and high a JPEG, PNG or WebP is, from its first bytes: a small file may unpack to more
// than a phone's memory.  Nothing for what is neither, or says it further on.
export const HEAD_BYTES = 1 << 20;

export function sizeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
    if (view.getUint16(0) === 0xffd8) return sizeOfJpeg(view);
    if (view.getUint32(8) === 0x57454250) return sizeOfWebp(view); // WEBP
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends before
  }
  return null;
}

// The first frame header, behind segments that say how long they are.
function sizeOfJpeg(view) {
  for (let at = 2; view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2); // 0xff alone fills up
  }
  return null;
}

function sizeOfWebp(view) {
  const kind = view.getUint32(12);
  const short = (at) => view.getUint16(at, true);
  if (kind === 0x56503858)
    return [24, 27].map((at) => 1 + short(at) + (view.getUint8(at + 2) << 16)); // VP8X
  if (kind === 0x56503820) return [26, 28].map((at) => short(at) & 0x3fff); // VP8 and a space
  if (kind !== 0x5650384c) return null; // VP8L
  const sides = view.getUint32(21, true);
  return [1 + (sides & 0x3fff), 1 + ((sides >> 14) & 0x3fff)];
}
