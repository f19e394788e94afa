import { Injectable } from '@nestjs/common';
import { AssetKind, StorageService, type Asset } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { renamed, TesseraError } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';

/** What an account has in storage: another account's does not exist. */
@Injectable()
export class OwnPictures {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(rpc: Rpc) {
    this.#storage = rpc.client(StorageService);
  }

  /** Throws `refusal` for what is no picture of the account's, uploaded or generated. */
  async require(accountId: string, assetId: string, refusal: TesseraError): Promise<void> {
    if ((await this.assetOf(accountId, assetId, refusal))?.kind === AssetKind.ADAPTER) throw refusal;
  }

  async assetOf(accountId: string, assetId: string, refusal: TesseraError): Promise<Asset | undefined> {
    if (!isUuid(assetId)) throw refusal;
    try {
      return (await this.#storage.getAsset({ accountId, assetId })).asset;
    } catch (error) {
      if (error instanceof TesseraError && error.kind === 'NotFound') throw refusal;
      throw renamed(error, refusal.param);
    }
  }
}
