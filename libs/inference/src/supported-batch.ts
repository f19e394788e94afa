import { refuseUnadaptable } from '@tessera/models/adapter-use.js';
import { describedIn } from '@tessera/models/describe-models.js';
import { type Family, familyOf, isFlow } from '@tessera/models/families.js';
import { refuseUnguidable } from '@tessera/models/guidance.js';
import { refuseUnevenSides, refuseUnsupportedStart } from '@tessera/models/request-rules.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { GenerateBatch, InitImageInput, Placement } from './diffusion-engine.js';

/** The shortest side of a picture that is placed within another one. */
const placedSidePxMin = 8;

/** What every engine refuses before it begins. */
export function refuseUnsupportedBatch(
  manifests: readonly Family[],
  { modelId, widthPx, heightPx, steps, requests, adapters = [] }: GenerateBatch,
): void {
  const manifest = familyOf(manifests, modelId);
  const model = manifest && describedIn(manifest, modelId);
  if (!model) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
  const { minSidePx, maxSidePx, maxSteps } = model;
  for (const [param, side] of [
    ['width', widthPx],
    ['height', heightPx],
  ] as const) {
    if (!Number.isInteger(side) || side < minSidePx || side > maxSidePx)
      throw invalidArgument('unsupported_size', `${param} must be a whole number from ${minSidePx} to ${maxSidePx}, not ${side}.`, {
        param,
      });
  }
  refuseUnevenSides(model, widthPx, heightPx);
  const flow = isFlow(manifest) ? manifest : undefined;
  // The engine also uses the adapters that make Mosaic's variants, which requests may not name.
  refuseUnadaptable(adapters, flow?.adapters ? Object.keys(flow.adapters.files) : model.adapterIds, modelId);
  for (const { initImage, guidance = [] } of requests) {
    refuseUnguidable(guidance, model.guidanceKinds ?? [], modelId);
    refuseUnsupportedStart(model, initImage && startOf(initImage));
    if (initImage?.placement) refuseOutside(initImage.placement, widthPx, heightPx);
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > maxSteps)
    throw invalidArgument('unsupported_steps', `steps must be a whole number from 1 to ${maxSteps}, not ${steps}.`, { param: 'steps' });
}

/** What the rules of models ask of an init image. */
export const startOf = ({ strength, mask, placement }: InitImageInput) => ({
  strength,
  hasMask: mask !== undefined,
  hasPlacement: placement !== undefined,
});

function refuseOutside(placement: Placement, deliveredWidthPx: number, deliveredHeightPx: number): void {
  const { leftPx, topPx, widthPx, heightPx } = placement;
  const fits = (from: number, length: number, whole: number) =>
    Number.isInteger(from) && Number.isInteger(length) && from >= 0 && length >= placedSidePxMin && from + length <= whole;
  if (fits(leftPx, widthPx, deliveredWidthPx) && fits(topPx, heightPx, deliveredHeightPx)) return;
  throw invalidArgument(
    'invalid_placement',
    `The init image must lie within the picture of ${deliveredWidthPx} x ${deliveredHeightPx} pixels and be at least ${placedSidePxMin} pixels long on each side.`,
    { param: 'placement' },
  );
}
