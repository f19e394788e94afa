/** A line of output for each version that was acknowledged, so that the parent knows what must have survived. */
import type { ObjectStore } from './object-store.js';

/** Large enough that a kill often lands in the middle of a write. */
const versionBytes = 3 * 1024 * 1024;

/** Every byte of a version says which one it is, so that a mix shows. */
export const versionBody = (version: number): Uint8Array => new Uint8Array(versionBytes).fill(version % 251);

/** Replaces one object again and again, alternately from memory and as a stream, until the process is killed. */
export async function writeVersionsForever(store: ObjectStore, key: string): Promise<never> {
  for (let version = 1; ; version++) {
    const body = versionBody(version);
    await store.put(key, version % 2 === 0 ? body : inPieces(body), { contentType: 'image/png' });
    process.stdout.write(`${version}\n`);
  }
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const pieceBytes = 100_000;
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
