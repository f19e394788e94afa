import { refuseUnadaptable } from '@tessera/models/adapter-use.js';
import { guidanceKindsOf } from '@tessera/models/describe-models.js';
import { type Family, familyOf, isFlow } from '@tessera/models/families.js';
import { refuseUnguidable } from '@tessera/models/guidance.js';
import { isServed, takesPictures } from '@tessera/models/served-manifest.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { GenerateBatch, Placement } from './diffusion-engine.js';

/** Latents are eight times smaller than pictures. */
const sideMultiplePx = 8;

/** What every engine refuses before it begins. */
export function refuseUnsupportedBatch(
  manifests: readonly Family[],
  { modelId, widthPx, heightPx, steps, requests, adapters = [] }: GenerateBatch,
): void {
  const manifest = familyOf(manifests, modelId);
  if (!manifest) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
  const { minSidePx, maxSidePx, maxSteps } = manifest.limits;
  for (const [param, side] of [
    ['width', widthPx],
    ['height', heightPx],
  ] as const) {
    if (!Number.isInteger(side) || side < minSidePx || side > maxSidePx || side % sideMultiplePx !== 0) {
      throw invalidArgument(
        'unsupported_size',
        `${param} must be a multiple of ${sideMultiplePx} from ${minSidePx} to ${maxSidePx}, not ${side}.`,
        { param },
      );
    }
  }
  const flow = isFlow(manifest) ? manifest : undefined;
  refuseUnadaptable(adapters, flow?.adapters && Object.keys(flow.adapters.files), modelId);
  for (const { initImage, guidance = [] } of requests) {
    refuseUnguidable(guidance, flow ? guidanceKindsOf(flow) : [], modelId);
    if (initImage && !(isServed(manifest) ? takesPictures(manifest) : flow?.graphs.encoder))
      throw invalidArgument('unsupported_init_image', `${modelId} cannot start from a picture.`, { param: 'init_image' });
    if (initImage?.placement) refuseOutside(initImage.placement, widthPx, heightPx);
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > maxSteps)
    throw invalidArgument('unsupported_steps', `steps must be a whole number from 1 to ${maxSteps}, not ${steps}.`, { param: 'steps' });
}

function refuseOutside(placement: Placement, deliveredWidthPx: number, deliveredHeightPx: number): void {
  const { leftPx, topPx, widthPx, heightPx } = placement;
  const fits = (from: number, length: number, whole: number) =>
    Number.isInteger(from) && Number.isInteger(length) && from >= 0 && length >= sideMultiplePx && from + length <= whole;
  if (fits(leftPx, widthPx, deliveredWidthPx) && fits(topPx, heightPx, deliveredHeightPx)) return;
  throw invalidArgument(
    'invalid_placement',
    `The init image must lie within the picture of ${deliveredWidthPx} x ${deliveredHeightPx} pixels and be at least ${sideMultiplePx} pixels long on each side.`,
    { param: 'placement' },
  );
}
