import { Injectable } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownJob, unknownPicture } from '../errors.js';
import { Generations, type Generation, type ImageRequestInit, type Submission, type SubmitOptions } from '../generations/generations.js';
import type { ImageJob } from '../generations/image-jobs.js';
import { initImageOf } from '../generations/schemas/starting-picture.js';
import type { Caller } from '../keys/keys.js';

export type VariationSource = { readonly id: string; readonly isVariation: boolean };

/** As Leonardo names them. */
export type Transform = 'UPSCALE' | 'NOBG' | 'UNZOOM';

/** Leonardo's variations: what is made of a picture. A variation is the job that makes it, under the job's id. */
@Injectable()
export class Variations {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly generations: Generations,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  /** To twice its size, or as much of it as may be delivered. */
  upscale(caller: Caller, assetId: string, options: SubmitOptions): Promise<Submission> {
    return this.generations.submit(caller, { operation: { assetId, kind: { case: 'upscale', value: {} } } }, options);
  }

  async removeBackground(caller: Caller, source: VariationSource, options: SubmitOptions): Promise<Submission> {
    const assetId = await this.#pictureOf(caller, source);
    return this.generations.submit(caller, { operation: { assetId, kind: { case: 'removeBackground', value: {} } } }, options);
  }

  /** The same request once more, around the picture, which becomes smaller. */
  async unzoom(caller: Caller, source: VariationSource, options: SubmitOptions): Promise<Submission> {
    const assetId = await this.#pictureOf(caller, source);
    if (!isUuid(assetId)) throw unknownPicture();
    const { asset } = await this.#storage.getAsset({ accountId: caller.accountId, assetId });
    if (!asset) throw unknownPicture();
    const painted = asset.jobId === '' ? undefined : (await this.generations.get(caller, asset.jobId)).job.request;
    if (!painted || painted.operation)
      throw invalidArgument('not_painted', 'Only a picture with a prompt can be painted on around.', { param: 'id' });
    const { prompt, negativePrompt, modelId, widthPx, heightPx, steps, guidanceScale, style, adapters, isPublic } = painted;
    const initImage = initImageOf({ init_image_id: assetId, unzoom: true, width: widthPx, height: heightPx });
    const asked: ImageRequestInit = {
      ...{ prompt, negativePrompt, modelId, widthPx, heightPx, images: 1, steps, guidanceScale, style, adapters, isPublic },
      ...(initImage ? { initImage } : {}),
    };
    return this.generations.submit(caller, asked, options);
  }

  async get(caller: Caller, id: string): Promise<{ readonly generation: Generation; readonly transform: Transform }> {
    const generation = await this.generations.get(caller, id);
    const transform = transformOf(generation.job);
    if (!transform) throw unknownJob();
    return { generation, transform };
  }

  async #pictureOf(caller: Caller, { id, isVariation }: VariationSource): Promise<string> {
    if (!isVariation) return id;
    const { generation } = await this.get(caller, id);
    const [picture] = generation.job.images;
    if (!picture) throw unknownPicture();
    return picture.imageId;
  }
}

function transformOf({ request: { operation, initImage } }: ImageJob): Transform | undefined {
  if (operation?.kind.case === 'upscale') return 'UPSCALE';
  if (operation?.kind.case === 'removeBackground') return 'NOBG';
  return initImage?.placement ? 'UNZOOM' : undefined;
}
