import { invalidArgument } from '@tessera/platform/errors.js';
import type { AdapterInput, EngineDescription, PaintBatch, Placement } from './diffusion-engine.js';
import { refuseUnguidable } from './guidance.js';
import { guidanceKindsOf, type Manifest, modelInfos } from './manifest.js';

/** Latents are eight times smaller than pictures. */
const SIDE_MULTIPLE_PX = 8;
/** Each widens the denoiser's matrices; more than this also wash each other out. */
const ADAPTERS_MAX = 4;
const ADAPTER_WEIGHT_MAX = 2;

export function describeModels(engine: string, manifests: readonly Manifest[]): EngineDescription {
  return { engine, models: manifests.flatMap(modelInfos) };
}

/** What every engine refuses before it begins. */
export function refuseUnpaintable(manifests: readonly Manifest[], { modelId, widthPx, heightPx, steps, requests, adapters = [] }: PaintBatch): void {
  const manifest = manifests.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
  if (!manifest) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
  const { minSidePx, maxSidePx, maxSteps } = manifest.limits;
  for (const [param, side] of [['width', widthPx], ['height', heightPx]] as const) {
    if (!Number.isInteger(side) || side < minSidePx || side > maxSidePx || side % SIDE_MULTIPLE_PX !== 0) {
      throw invalidArgument('unsupported_size', `${param} must be a multiple of ${SIDE_MULTIPLE_PX} from ${minSidePx} to ${maxSidePx}, not ${side}.`, { param });
    }
  }
  refuseUnadaptable(manifest, modelId, adapters);
  for (const { initImage, guidance = [] } of requests) {
    refuseUnguidable(guidance, guidanceKindsOf(manifest), modelId);
    if (initImage && !manifest.graphs.encoder) throw invalidArgument('unsupported_init_image', `${modelId} cannot start from a picture.`, { param: 'init_image' });
    if (initImage?.placement) refuseOutside(initImage.placement, widthPx, heightPx);
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > maxSteps) throw invalidArgument('unsupported_steps', `steps must be a whole number from 1 to ${maxSteps}, not ${steps}.`, { param: 'steps' });
}

function refuseUnadaptable({ adapters: supported }: Manifest, modelId: string, adapters: readonly AdapterInput[]): void {
  const refuse = (reason: string, sentence: string) => invalidArgument(reason, sentence, { param: 'adapters' });
  if (adapters.length > 0 && !supported) throw refuse('unsupported_adapters', `${modelId} takes no adapters.`);
  if (adapters.length > ADAPTERS_MAX) throw refuse('too_many_adapters', `At most ${ADAPTERS_MAX} adapters work together; these are ${adapters.length}.`);
  for (const { id, bytes, weight } of adapters) {
    if (!(Math.abs(weight) <= ADAPTER_WEIGHT_MAX)) throw refuse('invalid_adapter_weight', `The weight of an adapter is from -${ADAPTER_WEIGHT_MAX} to ${ADAPTER_WEIGHT_MAX}.`);
    if (!bytes && !Object.hasOwn(supported?.files ?? {}, id)) throw refuse('unknown_adapter', `${modelId} has no adapter "${id.slice(0, 80)}".`);
  }
}

function refuseOutside(placement: Placement, canvasWidthPx: number, canvasHeightPx: number): void {
  const { leftPx, topPx, widthPx, heightPx } = placement;
  const fits = (from: number, length: number, whole: number) => Number.isInteger(from) && Number.isInteger(length) && from >= 0 && length >= SIDE_MULTIPLE_PX && from + length <= whole;
  if (fits(leftPx, widthPx, canvasWidthPx) && fits(topPx, heightPx, canvasHeightPx)) return;
  throw invalidArgument('invalid_placement', `The init image must lie within the picture of ${canvasWidthPx} x ${canvasHeightPx} pixels and be at least ${SIDE_MULTIPLE_PX} pixels long on each side.`, { param: 'placement' });
}
