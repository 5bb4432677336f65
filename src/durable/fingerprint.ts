/** 53 bits of an id: among 500,000 remembered ids a new one is taken for one of them once in 10^10. */
export function fingerprintOf(id: string): number {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x85ebca6b);
    low ^= low >>> 13;
  }
  high = Math.imul(high ^ (high >>> 16) ^ low, 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x27d4eb2f) ^ (high >>> 15);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
