// How much of a clip is made, as far as one can tell: slower and slower, never full before its time.
export function shareMade({ expected }, elapsed) {
  return expected ? 0.9 * (1 - Math.exp((-1.6 * elapsed) / expected)) : 0;
}
