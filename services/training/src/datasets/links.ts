import type { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import type { RpcClient } from '@tessera/rpc/rpc.js';
import type { ReadyPicture } from './dataset.js';

/** A day: long enough to look at a page that was left open, short enough that a leaked link dies. */
const linkLifeS = 24 * 60 * 60;

/** By asset id; a file that somebody has deleted as an upload of theirs has none. */
export async function linksTo(
  storage: RpcClient<typeof StorageService>,
  accountId: string,
  pictures: readonly Stored<ReadyPicture>[],
): Promise<ReadonlyMap<string, string>> {
  if (pictures.length === 0) return new Map();
  const { urls } = await storage.signUrls({ accountId, assetIds: pictures.map(({ value }) => value.assetId), expiresS: linkLifeS });
  return new Map(urls.map(({ assetId, url }) => [assetId, url]));
}
