import { Injectable } from '@nestjs/common';
import { AssetKind, StorageService, type Asset, type CreateUploadResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownAdapterFile, unknownInitImage } from '../errors.js';
import { linkExpiryS } from '../generations/generations.js';
import type { Caller } from '../keys/keys.js';

export type InitImage = { readonly asset: Asset; readonly url: string };

/** Pictures and adapters that people bring. */
@Injectable()
export class Uploads {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(rpc: Rpc) {
    this.#storage = rpc.client(StorageService);
  }

  /** A place and the form fields to post one file with. */
  create(caller: Caller, extension: string): Promise<CreateUploadResponse> {
    return this.#storage.createUpload({ accountId: caller.accountId, extension });
  }

  /** Creates and fills an upload in one go. */
  async put(caller: Caller, extension: string, data: Uint8Array): Promise<InitImage> {
    const { assetId } = await this.create(caller, extension);
    await this.#storage.putUpload({ accountId: caller.accountId, assetId, data });
    return this.get(caller, assetId);
  }

  async get(caller: Caller, assetId: string): Promise<InitImage> {
    const { accountId } = caller;
    const asset = await this.#find(caller, assetId);
    const { urls } = await this.#storage.signUrls({ accountId, assetIds: [assetId], expiresS: linkExpiryS });
    const url = urls[0]?.url;
    if (url === undefined) throw unknownInitImage();
    return { asset, url };
  }

  async remove(caller: Caller, assetId: string): Promise<void> {
    await this.#find(caller, assetId);
    await this.#storage.deleteAsset({ accountId: caller.accountId, assetId });
  }

  adapter(caller: Caller, assetId: string): Promise<Asset> {
    return this.#find(caller, assetId, AssetKind.ADAPTER, unknownAdapterFile());
  }

  async removeAdapter(caller: Caller, assetId: string): Promise<void> {
    await this.adapter(caller, assetId);
    await this.#storage.deleteAsset({ accountId: caller.accountId, assetId });
  }

  /** Generated pictures live and die with their generation: here they do not exist. */
  async #find(caller: Caller, assetId: string, kind = AssetKind.UPLOADED, unknown: TesseraError = unknownInitImage()): Promise<Asset> {
    if (!isUuid(assetId)) throw unknown;
    try {
      const { asset } = await this.#storage.getAsset({ accountId: caller.accountId, assetId });
      if (asset?.kind === kind) return asset;
    } catch (error) {
      if (!(error instanceof TesseraError && error.kind === 'NotFound')) throw error;
    }
    throw unknown;
  }
}
