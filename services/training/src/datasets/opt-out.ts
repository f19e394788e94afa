import { isNear, isTelling } from './checks/perceptual-hash.js';
import type { Measured } from './checks/measured.js';

/** Works whose authors want nothing to be learnt from them. */
export type OptOut = { readonly digests: ReadonlySet<string>; readonly hashes: readonly string[] };

export const nothingOptedOut: OptOut = { digests: new Set(), hashes: [] };

/** A line each: the SHA-256 of a file (64 hex digits) or a perceptual hash (16, as datasets show it); `#` begins a comment. Throws a sentence that names the line. */
export function parseOptOut(text: string): OptOut {
  const digests = new Set<string>();
  const hashes: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const entry = (line.split('#', 1)[0] ?? '').trim().toLowerCase();
    if (entry === '') continue;
    if (/^[0-9a-f]{64}$/.test(entry)) digests.add(entry);
    else if (!/^[0-9a-f]{16}$/.test(entry))
      throw new Error(`line ${index + 1} is neither a SHA-256 nor a perceptual hash: ${entry.slice(0, 80)}`);
    else if (!isTelling(entry))
      throw new Error(`line ${index + 1}: the perceptual hash ${entry} is that of any flat picture; list the file by its SHA-256`);
    else hashes.push(entry);
  }
  return { digests, hashes };
}

export const isOptedOut = ({ digests, hashes }: OptOut, { sha256, perceptualHash }: Pick<Measured, 'sha256' | 'perceptualHash'>): boolean =>
  digests.has(sha256) || hashes.some((hash) => isNear(hash, perceptualHash));
