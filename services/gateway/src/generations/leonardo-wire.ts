import type { Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { ImageRequest, ModelDescription } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobState, type JobPreview } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Account } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { CreateUploadResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Generation, Priced, Submission } from './generations.js';
import type { ImageJob } from './image-jobs.js';
import { nameOfState } from './job-states.js';
import type { InitImage } from '../uploads/uploads.js';
import { presetStyles } from './schemas/leonardo-enums.js';
import { quoteWire, timeOf } from '../http/tessera-wire.js';

/**
 * What Leonardo's SDKs read. They refuse null where a value is "not-null", unknown enum members and fractions where they expect integers, so absent values are left out
 * and nothing outside their lists is sent. What they do not know stands under `tessera`; they drop it.
 */

const statuses: Partial<Record<JobState, string>> = {
  [JobState.ACCEPTED]: 'PENDING',
  [JobState.QUEUED]: 'PENDING',
  [JobState.RUNNING]: 'PENDING',
  [JobState.SUCCEEDED]: 'COMPLETE',
};
export const statusOf = (state: JobState): string => statuses[state] ?? 'FAILED';
const knownStyles: ReadonlySet<string> = new Set(presetStyles);

/** `apiCreditCost` is an integer and `cost.amount` a string; credits are tokens. */
export const costWire = (quote: Quote) => ({
  apiCreditCost: Number(quote.totalTokens),
  cost: { amount: String(quote.totalTokens), unit: 'CREDITS' },
});

export const submissionWire = ({ job, balanceTokens, isReplay, notices }: Submission) => ({
  sdGenerationJob: {
    generationId: job.jobId,
    ...(job.quote ? costWire(job.quote) : {}),
    tessera: {
      state: nameOfState(job.state),
      isReplay,
      notices: notices.map(({ kind, message }) => ({ kind, message })),
      ...(job.quote ? { quote: quoteWire(job.quote) } : {}),
      ...(balanceTokens === undefined ? {} : { balanceTokens }),
    },
  },
});

/** No `generationId`: nothing was created. */
export const dryRunWire = ({ request, quote, notices }: Priced, leonardoIds: ReadonlyMap<string, string>) => ({
  sdGenerationJob: {
    ...costWire(quote),
    tessera: {
      dryRun: true,
      notices: notices.map(({ kind, message }) => ({ kind, message })),
      quote: quoteWire(quote),
      request: requestWire(request, leonardoIds),
      model: request.modelId,
    },
  },
});

export function generationWire({ job, links }: Generation, leonardoIds: ReadonlyMap<string, string>) {
  return {
    id: job.jobId,
    status: statusOf(job.state),
    createdAt: timeOf(job.createdMs),
    ...requestWire(job.request, leonardoIds),
    generated_images: job.images.flatMap((image) => {
      const link = links.get(image.imageId);
      if (!link) return [];
      const tessera = {
        index: image.index,
        width: image.widthPx,
        height: image.heightPx,
        contentType: image.contentType,
        sizeBytes: Number(image.sizeBytes),
        sha256: image.sha256,
        isAccepted: link.isAccepted,
      };
      return [
        { id: image.imageId, url: link.url, nsfw: false, likeCount: 0, motion: false, generated_image_variation_generics: [], tessera },
      ];
    }),
    generation_elements: [],
    ...(job.quote ? costWire(job.quote) : {}),
    tessera: jobWire(job),
  };
}

export const previewWire = ({ index, step, contentType, data }: JobPreview) => ({
  index,
  step,
  contentType,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
});

function requestWire(request: ImageRequest, leonardoIds: ReadonlyMap<string, string>) {
  return {
    prompt: request.prompt,
    ...(request.negativePrompt ? { negativePrompt: request.negativePrompt } : {}),
    modelId: leonardoIds.get(request.modelId) || request.modelId,
    imageWidth: request.widthPx,
    imageHeight: request.heightPx,
    inferenceSteps: request.steps,
    guidanceScale: request.guidanceScale,
    ...(request.seed === undefined ? {} : { seed: Number(request.seed) }),
    presetStyle: knownStyles.has(request.style) ? request.style : 'NONE',
    ...(request.initImage ? { initStrength: request.initImage.strength } : {}),
    public: request.isPublic,
  };
}

const operationWire = ({ assetId, kind }: NonNullable<ImageRequest['operation']>) => ({
  kind: kind.case === 'removeBackground' ? 'remove_background' : 'upscale',
  pictureId: assetId,
});

/** What Leonardo's reads lack: the state proper, why it failed, what it costs, where the time went. */
function jobWire(job: ImageJob) {
  return {
    state: nameOfState(job.state),
    model: job.request.modelId,
    ...(job.modelVersion ? { modelVersion: job.modelVersion } : {}),
    images: job.request.images,
    ...(job.request.characterId ? { characterId: job.request.characterId } : {}),
    ...(job.request.operation ? { operation: operationWire(job.request.operation) } : {}),
    notices: job.notices.map(({ kind, message }) => ({ kind, message })),
    ...(job.failure ? { failureReason: job.failure.reason, failureMessage: job.failure.message } : {}),
    bill: {
      ...(job.quote ? { quote: quoteWire(job.quote) } : {}),
      chargedTokens: Number(job.chargedTokens),
    },
    lane: job.lane,
    attempt: job.attempt,
    queuePosition: job.queuePosition,
    ...(job.startedMs > 0n ? { startedAt: timeOf(job.startedMs) } : {}),
    ...(job.finishedMs > 0n ? { finishedAt: timeOf(job.finishedMs) } : {}),
    ...(job.timings
      ? {
          timings: {
            queuedMs: Number(job.timings.queuedMs),
            paintingMs: Number(job.timings.computeMs),
            storingMs: Number(job.timings.storingMs),
          },
        }
      : {}),
  };
}

export const modelWire = (model: ModelDescription) => ({
  id: model.leonardoId || model.modelId,
  name: model.name,
  description: model.description,
  featured: model.isDefault,
  nsfw: false,
  tessera: {
    model: model.modelId,
    aliases: model.aliases,
    version: model.version,
    isDefault: model.isDefault,
    nativeWidth: model.nativeWidthPx,
    nativeHeight: model.nativeHeightPx,
    maxSide: model.maxSidePx,
    defaultSteps: model.defaultSteps,
    maxSteps: model.maxSteps,
    defaultGuidanceScale: model.defaultGuidanceScale,
    maxImages: model.maxImages,
    supportsInitImage: model.supportsInitImage,
    guidanceKinds: model.guidanceKinds,
    adapterIds: model.adapterIds,
    minSide: model.minSidePx,
    sideMultiple: model.sideMultiplePx,
    negativePrompt: model.negativePrompt,
    guidance: model.guidance,
    ...(model.promptTokens === 0 ? {} : { promptTokens: model.promptTokens, longPrompts: model.longPrompts }),
    weightedWords: model.weightedWords,
    supportsInpaint: model.supportsInpaint,
    supportsEdit: model.supportsEdit,
    needsInitImage: model.needsInitImage,
    ...(model.license === '' ? {} : { license: model.license }),
    ...(model.adapterFamily === '' ? {} : { adapterFamily: model.adapterFamily }),
    ...(model.pipelineClass === '' ? {} : { pipelineClass: model.pipelineClass }),
  },
});

/** Leonardo's counters are whole tokens; bought ones are "paid", all others "subscription". */
export function userWire(account: Account) {
  const credits = account.credits && Number(account.credits.balanceCredits);
  const paidTokens = Number(account.buckets.find(({ bucket }) => bucket === 'topup')?.balanceTokens ?? 0n);
  const subscriptionTokens = Number(account.balanceTokens) - paidTokens;
  return {
    user: { id: account.accountId, username: account.plan },
    subscriptionTokens,
    paidTokens,
    subscriptionGptTokens: 0,
    subscriptionModelTokens: 0,
    // Without credits of its own, the API draws from the plan.
    apiSubscriptionTokens: credits === undefined ? subscriptionTokens : 0,
    apiPaidTokens: credits ?? paidTokens,
    apiConcurrencySlots: account.limits?.concurrentJobs ?? 0,
    ...(account.renewsMs > 0n ? { tokenRenewalDate: timeOf(account.renewsMs), apiPlanTokenRenewalDate: timeOf(account.renewsMs) } : {}),
  };
}

/** `fields` is JSON inside a string: that is what the SDKs parse. */
export const uploadWire = ({ assetId, key, url, fields, expiresMs }: CreateUploadResponse) => ({
  id: assetId,
  key,
  url,
  fields: JSON.stringify(fields),
  tessera: { expiresAt: timeOf(expiresMs) },
});

export const canvasUploadWire = (init: CreateUploadResponse, mask: CreateUploadResponse) => ({
  initImageId: init.assetId,
  initKey: init.key,
  initUrl: init.url,
  initFields: JSON.stringify(init.fields),
  maskImageId: mask.assetId,
  maskKey: mask.key,
  maskUrl: mask.url,
  maskFields: JSON.stringify(mask.fields),
});

export const initImageWire = ({ asset, url }: InitImage) => ({
  id: asset.assetId,
  url,
  createdAt: timeOf(asset.createdMs),
  tessera: {
    status: asset.sizeBytes > 0n ? 'ready' : 'awaiting_upload',
    width: asset.widthPx,
    height: asset.heightPx,
    contentType: asset.contentType,
    sizeBytes: Number(asset.sizeBytes),
  },
});
