import { createHash, randomInt } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { GuidanceSchema, ImageRequestSchema, type ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { BillingService, type Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { AssetKind } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import type { RequestNotice } from '@tessera/models/request-rules.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Characters } from './characters/characters.js';
import { computeSpecOf } from './compute.js';
import { fullOperation, operationOf, unknownPicture } from './picture-operation.js';
import { foreignAdapter, invalidGuidance, invalidInitImage, invalidMask, unknownAdapter } from './errors.js';
import { fullImageRequest, noticesOfRequest, seedMax, type FullImageRequest } from './image-request.js';
import { OwnPictures } from './own-pictures.js';

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

  constructor(
    private readonly models: ModelRegistry,
    private readonly plans: AccountPlans,
    private readonly pictures: OwnPictures,
    private readonly characters: Characters,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
  }

  async check(accountId: string, asked: ImageRequest | undefined): Promise<CheckedRequest> {
    if (!asked) throw invalidArgument('prompt_empty', 'A request says at least what to paint.', { param: 'prompt' });
    const model = this.models.named(asked.modelId);
    if (asked.operation) return { request: await this.#operation(accountId, asked, model), model, notices: [] };
    const request = fullImageRequest(await this.#withCharacter(accountId, asked, model), model, () => randomInt(seedMax + 1));
    if (!request.isPublic) requireAllowed('private_pictures', await this.plans.of(accountId));
    const { initImage } = request;
    if (initImage) await this.pictures.require(accountId, initImage.assetId, invalidInitImage('There is no such picture to start from.'));
    if (initImage?.maskAssetId !== undefined)
      await this.pictures.require(accountId, initImage.maskAssetId, invalidMask('There is no such picture to use as a mask.'));
    for (const { assetId } of request.guidance ?? [])
      await this.pictures.require(accountId, assetId, invalidGuidance('There is no such picture to be guided by.'));
    for (const { assetId } of request.adapters ?? []) if (assetId !== undefined) await this.#requireAdapter(accountId, assetId, model);
    return { request, model, notices: noticesOfRequest(request, model) };
  }

  async #operation(accountId: string, asked: ImageRequest, model: ModelInfo): Promise<FullImageRequest> {
    const use = operationOf(asked);
    const asset = await this.pictures.assetOf(accountId, use.assetId, unknownPicture());
    return fullOperation(asked, use, asset, model);
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

  /** The pictures of a registered character guide beside those that the request brings. */
  async #withCharacter(accountId: string, asked: ImageRequest, model: ModelInfo): Promise<ImageRequest> {
    const { characterId, characterSubject, guidance } = asked;
    if (characterId === '') {
      if (characterSubject === '') return asked;
      throw invalidArgument('invalid_character', 'A word stands for a character: name one.', { param: 'character_subject' });
    }
    const views = await this.characters.guidanceOf(accountId, characterId, characterSubject, model);
    return { ...asked, guidance: [...guidance, ...views.map((view) => create(GuidanceSchema, view))] };
  }

  /** Where the file does not say which models it is for, the engine finds out, and the job fails with `foreign_adapter`. */
  async #requireAdapter(accountId: string, assetId: string, { modelId, adapterFamily }: ModelInfo): Promise<void> {
    const asset = await this.pictures.assetOf(accountId, assetId, unknownAdapter(assetId));
    if (asset?.kind !== AssetKind.ADAPTER) throw unknownAdapter(assetId);
    const family = asset.adapter?.family ?? '';
    if (family !== '' && family !== adapterFamily) throw foreignAdapter(assetId, family, modelId, adapterFamily);
  }
}

/** Equal for equal requests as they came, whatever is drawn for them later. */
export const digestOf = (asked: ImageRequest): string => createHash('sha256').update(toBinary(ImageRequestSchema, asked)).digest('hex');
