import { createHash, randomInt } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { ImageRequestSchema, type ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { BillingService, type Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { AssetKind, StorageService, type Asset } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import type { RequestNotice } from '@tessera/models/request-rules.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { invalidArgument, renamed, TesseraError } from '@tessera/platform/errors.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { computeSpecOf } from './compute.js';
import { foreignAdapter, invalidGuidance, invalidInitImage, invalidMask, unknownAdapter } from './errors.js';
import { fullImageRequest, noticesOfRequest, seedMax, type FullImageRequest } from './image-request.js';

export type CheckedRequest = {
  readonly request: FullImageRequest;
  readonly model: ModelInfo;
  /** What of it will not act. */
  readonly notices: readonly RequestNotice[];
};

/** Turns what a client asks for into what can be painted, or refuses it before anything exists. */
@Injectable()
export class Requests {
  readonly #billing: RpcClient<typeof BillingService>;
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly models: ModelRegistry,
    private readonly plans: AccountPlans,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
    this.#storage = rpc.client(StorageService);
  }

  async check(accountId: string, asked: ImageRequest | undefined): Promise<CheckedRequest> {
    if (!asked) throw invalidArgument('prompt_empty', 'A request says at least what to paint.', { param: 'prompt' });
    const model = this.models.named(asked.modelId);
    const request = fullImageRequest(asked, model, () => randomInt(seedMax + 1));
    if (!request.isPublic) requireAllowed('private_pictures', await this.plans.of(accountId));
    const { initImage } = request;
    if (initImage) await this.#requirePicture(accountId, initImage.assetId, invalidInitImage('There is no such picture to start from.'));
    if (initImage?.maskAssetId !== undefined)
      await this.#requirePicture(accountId, initImage.maskAssetId, invalidMask('There is no such picture to use as a mask.'));
    for (const { assetId } of request.guidance ?? [])
      await this.#requirePicture(accountId, assetId, invalidGuidance('There is no such picture to be guided by.'));
    for (const { assetId } of request.adapters ?? []) if (assetId !== undefined) await this.#requireAdapter(accountId, assetId, model);
    return { request, model, notices: noticesOfRequest(request, model) };
  }

  /** What it would be and cost; promises and creates nothing. */
  async preview(
    accountId: string,
    asked: ImageRequest | undefined,
    wallet: string,
  ): Promise<{ request: FullImageRequest; quote: Quote | undefined; notices: readonly RequestNotice[] }> {
    const { request, model, notices } = await this.check(accountId, asked);
    const { quote } = await this.#billing.quote({ accountId, wallet, compute: computeSpecOf(request, model) });
    return { request, quote, notices };
  }

  async #requirePicture(accountId: string, assetId: string, refusal: TesseraError): Promise<void> {
    const asset = await this.#assetOf(accountId, assetId, refusal);
    if (asset?.kind === AssetKind.ADAPTER) throw refusal;
  }

  /** Where the file does not say which models it is for, the engine finds out, and the job fails with `foreign_adapter`. */
  async #requireAdapter(accountId: string, assetId: string, { modelId, adapterFamily }: ModelInfo): Promise<void> {
    const asset = await this.#assetOf(accountId, assetId, unknownAdapter(assetId));
    if (asset?.kind !== AssetKind.ADAPTER) throw unknownAdapter(assetId);
    const family = asset.adapter?.family ?? '';
    if (family !== '' && family !== adapterFamily) throw foreignAdapter(assetId, family, modelId, adapterFamily);
  }

  async #assetOf(accountId: string, assetId: string, refusal: TesseraError): Promise<Asset | undefined> {
    try {
      return (await this.#storage.getAsset({ accountId, assetId })).asset;
    } catch (error) {
      if (error instanceof TesseraError && error.kind === 'NotFound') throw refusal;
      throw renamed(error, refusal.param);
    }
  }
}

/** Equal for equal requests as they came, whatever is drawn for them later. */
export const digestOf = (asked: ImageRequest): string => createHash('sha256').update(toBinary(ImageRequestSchema, asked)).digest('hex');
