import type { ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { StorageClient } from '../../loop/worker-clients.js';

/** What storage keeps of a delivered picture, which may be the input of the next job; a bound on what a worker holds for one. */
const inputBytesMax = 64 * 1024 * 1024;

/** The pictures that a request brings along, by the id of their asset. */
export type InputPictures = ReadonlyMap<string, Uint8Array>;

const assetIdsOf = ({ initImage, guidance, operation }: ImageRequest): ReadonlySet<string> =>
  new Set(
    [
      ...(initImage ? [initImage.assetId, initImage.maskAssetId] : []),
      ...guidance.map(({ assetId }) => assetId),
      operation?.assetId ?? '',
    ].filter((id) => id !== ''),
  );

export async function readInputPictures(
  storage: Pick<StorageClient, 'readAsset'>,
  accountId: string,
  request: ImageRequest,
  signal: AbortSignal,
): Promise<InputPictures> {
  const read = new Map<string, Uint8Array>();
  for (const assetId of assetIdsOf(request)) read.set(assetId, await readPicture(storage, accountId, assetId, signal));
  return read;
}

async function readPicture(
  storage: Pick<StorageClient, 'readAsset'>,
  accountId: string,
  assetId: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const { part } of storage.readAsset({ accountId, assetId }, { signal })) {
    if (part.case !== 'data') continue;
    sizeBytes += part.value.byteLength;
    if (sizeBytes > inputBytesMax)
      throw invalidArgument('unreadable_init_image', 'A picture that the request brings along is too large to read.');
    parts.push(part.value);
  }
  return Buffer.concat(parts);
}
