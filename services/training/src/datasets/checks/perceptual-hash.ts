/** Copies that were scaled, recompressed or slightly cropped differ in no more bits than this. */
export const nearBitsMax = 6;

const halves = (hash: string): readonly [number, number] => [parseInt(hash.slice(0, 8), 16), parseInt(hash.slice(8), 16)];

function setBits(word: number): number {
  let rest = word >>> 0;
  let count = 0;
  while (rest !== 0) {
    rest &= rest - 1;
    count += 1;
  }
  return count;
}

/** In how many of their 64 bits two hashes differ. */
export function hammingDistance(one: string, other: string): number {
  const [[high, low], [otherHigh, otherLow]] = [halves(one), halves(other)];
  return setBits(high ^ otherHigh) + setBits(low ^ otherLow);
}

export const isNear = (one: string, other: string): boolean => hammingDistance(one, other) <= nearBitsMax;

/** Fewer bits of either kind say only that a picture is flat or a ramp, as countless others are. */
const tellingBitsMin = 8;

export function isTelling(hash: string): boolean {
  const [high, low] = halves(hash);
  const count = setBits(high) + setBits(low);
  return count >= tellingBitsMin && count <= 64 - tellingBitsMin;
}
