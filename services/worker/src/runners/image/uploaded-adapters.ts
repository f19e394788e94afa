import type { ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { StorageClient } from '../../loop/worker-clients.js';

/** What storage takes in. */
const adapterBytesMax = 256 * 1024 * 1024;
/** Two of the largest, or some dozens of the usual size: what one account generates with for a while. */
const keptBytesMax = 512 * 1024 * 1024;

/** The adapters that accounts have uploaded; those that were used last are kept, by their digest. */
export class UploadedAdapters {
  readonly #kept = new Map<string, Uint8Array>();

  constructor(private readonly storage: Pick<StorageClient, 'readAsset'>) {}

  /** Their bytes, by the ids of their assets. */
  async read(accountId: string, { adapters }: ImageRequest, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    const read = new Map<string, Uint8Array>();
    for (const { assetId } of adapters) if (assetId !== '') read.set(assetId, await this.#bytesOf(accountId, assetId, signal));
    return read;
  }

  async #bytesOf(accountId: string, assetId: string, signal: AbortSignal): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let sha256 = '';
    let sizeBytes = 0;
    for await (const { part } of this.storage.readAsset({ accountId, assetId }, { signal })) {
      if (part.case === 'asset') {
        sha256 = part.value.sha256;
        const kept = this.#kept.get(sha256);
        if (kept) return this.#keep(sha256, kept);
      } else if (part.case === 'data') {
        sizeBytes += part.value.byteLength;
        if (sizeBytes > adapterBytesMax)
          throw invalidArgument('unreadable_adapter', 'An adapter that the request brings along is too large to read.');
        parts.push(part.value);
      }
    }
    return this.#keep(sha256, Buffer.concat(parts));
  }

  #keep(sha256: string, bytes: Uint8Array): Uint8Array {
    this.#kept.delete(sha256);
    this.#kept.set(sha256, bytes);
    let keptBytes = [...this.#kept.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (const [oldest, { byteLength }] of this.#kept) {
      if (keptBytes <= keptBytesMax) break;
      this.#kept.delete(oldest);
      keptBytes -= byteLength;
    }
    return bytes;
  }
}
