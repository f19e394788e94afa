import { createHash } from 'node:crypto';
import { v7 } from 'uuid';
import { pooledRandomBytes } from './random-pool.js';

let lastMs = 0;
let sequence = 0;

/** A new UUID v7 (RFC 9562): unique, and in the order of creation. Ids of the same millisecond count up from a random number, as in method 1 of section 6.2. */
export function newId(): string {
  const random = pooledRandomBytes(16);
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    // 31 of 32 bits: there is room to count up.
    sequence = random.readUInt32BE(6) >>> 1;
  } else {
    sequence += 1;
  }
  return v7({ random, msecs: lastMs, seq: sequence });
}

/** A UUID v8 (RFC 9562, custom) made of a SHA-256 over the parts: the same parts always give the same id. */
export function derivedId(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The version nibble is not checked: clients bring ids of several versions. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
