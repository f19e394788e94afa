import { ignoredSettings, type ServedManifest, takesStrength } from '@tessera/models/served-manifest.js';
import type { EngineNotice, GenerateBatch, GenerateRequest } from '../diffusion-engine.js';

/** What a request carries that does not say a strength. */
const strengthsUnsaid: readonly number[] = [0, 0.5];

/** What was asked for and does nothing with this model: told, because the server would ignore it in silence. */
export function leftOut(family: ServedManifest, batch: GenerateBatch, request: GenerateRequest): EngineNotice[] {
  const { modelId, steps, guidanceScale } = batch;
  const { negativePrompt, style, initImage } = request;
  const ignored = ignoredSettings(family);
  const variant = family.variants.find((each) => each.modelId === modelId);
  const notice = (kind: string, message: string) => ({ kind: `${kind}_ignored`, message });
  const notices: EngineNotice[] = [];
  if (ignored.includes('seed')) notices.push(notice('seed', `${modelId} takes no seed: the same request gives another picture.`));
  if (ignored.includes('steps') && steps !== (variant?.defaultSteps ?? family.limits.defaultSteps))
    notices.push(notice('steps', `${modelId} takes no number of steps; it was left out.`));
  if (ignored.includes('guidanceScale') && guidanceScale !== family.limits.defaultGuidanceScale)
    notices.push(notice('guidance_scale', `${modelId} takes no guidance scale; it was left out.`));
  if (ignored.includes('negativePrompt') && negativePrompt !== '')
    notices.push(notice('negative_prompt', `${modelId} takes no negative prompt; it was left out.`));
  if (style !== '' && style !== 'NONE')
    notices.push({ kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` });
  if (initImage && !takesStrength(family) && !strengthsUnsaid.includes(initImage.strength))
    notices.push(notice('init_strength', `${modelId} edits a picture as the prompt says; the strength was left out.`));
  return notices;
}
