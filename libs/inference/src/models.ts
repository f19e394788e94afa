import { invalidArgument } from '@tessera/platform/errors.js';
import type { EngineDescription, PaintBatch } from './diffusion-engine.js';
import { type Family, modelInfos } from './manifest.js';

/** Latents are eight times smaller than pictures. */
const SIDE_MULTIPLE_PX = 8;

export function describeModels(engine: string, manifests: readonly Family[]): EngineDescription {
  return { engine, models: manifests.flatMap(modelInfos) };
}

/** What every engine refuses before it begins. */
export function refuseUnpaintable(manifests: readonly Family[], { modelId, widthPx, heightPx, steps }: PaintBatch): void {
  const manifest = familyOf(manifests, modelId);
  if (!manifest) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
  const { minSidePx, maxSidePx, maxSteps } = manifest.limits;
  for (const [param, side] of [['width', widthPx], ['height', heightPx]] as const) {
    if (!Number.isInteger(side) || side < minSidePx || side > maxSidePx || side % SIDE_MULTIPLE_PX !== 0) {
      throw invalidArgument('unsupported_size', `${param} must be a multiple of ${SIDE_MULTIPLE_PX} from ${minSidePx} to ${maxSidePx}, not ${side}.`, { param });
    }
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > maxSteps) throw invalidArgument('unsupported_steps', `steps must be a whole number from 1 to ${maxSteps}, not ${steps}.`, { param: 'steps' });
}

export const familyOf = (families: readonly Family[], modelId: string): Family | undefined => families.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
