import { invalidArgument } from '@tessera/platform/errors.js';
import type { PictureClient } from './worker-clients.js';

/** Above what storage takes in; a bound on what a worker holds for one job. */
const initImageBytesMax = 32 * 1024 * 1024;

export async function readInitImage(pictures: PictureClient, accountId: string, assetId: string, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const { part } of pictures.readAsset({ accountId, assetId }, { signal })) {
    if (part.case !== 'data') continue;
    sizeBytes += part.value.byteLength;
    if (sizeBytes > initImageBytesMax) throw invalidArgument('unreadable_init_image', 'The init image is too large to start from.');
    parts.push(part.value);
  }
  return Buffer.concat(parts);
}
