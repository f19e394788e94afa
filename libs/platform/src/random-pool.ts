import { randomFillSync } from 'node:crypto';

/** A draw from the system costs as much as ten ids do, so it is made for this many bytes: some hundred ids. */
const poolBytes = 4096;

const pool = Buffer.alloc(poolBytes);
let usedBytes = poolBytes;

/** As unpredictable as `randomBytes`, and each byte is given once. To be used at once: the memory is filled anew. `count` is at most a few dozen. */
export function pooledRandomBytes(count: number): Buffer {
  if (usedBytes + count > poolBytes) {
    randomFillSync(pool);
    usedBytes = 0;
  }
  usedBytes += count;
  return pool.subarray(usedBytes - count, usedBytes);
}
