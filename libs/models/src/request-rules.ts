import { invalidArgument } from '@tessera/platform/errors.js';
import type { ModelInfo } from './model-info.js';

/** Latents are eight times smaller than pictures. */
const sideMultiplePxDefault = 8;

/** What a request says of its init image, as far as rules ask for it. */
type Start = { readonly strength: number; readonly hasMask: boolean; readonly hasPlacement: boolean };

/** Something the caller should know that is not an error. */
export type RequestNotice = { readonly kind: string; readonly message: string };

export const sideMultipleOf = ({ sideMultiplePx = sideMultiplePxDefault }: Pick<ModelInfo, 'sideMultiplePx'>): number => sideMultiplePx;

/** InvalidArgument `unsupported_size`, naming the nearest size, unless the pipeline can make pictures of exactly these sides; it would round them otherwise. */
export function refuseUnevenSides(model: ModelInfo, widthPx: number, heightPx: number): void {
  const multiple = sideMultipleOf(model);
  const nearest = (sidePx: number) => Math.min(model.maxSidePx, Math.max(model.minSidePx, Math.round(sidePx / multiple) * multiple));
  for (const [param, sidePx] of [
    ['width', widthPx],
    ['height', heightPx],
  ] as const) {
    if (sidePx % multiple !== 0)
      throw invalidArgument(
        'unsupported_size',
        `The ${param} must be a multiple of ${multiple} with ${model.modelId}; it is ${sidePx}. The nearest size is ${nearest(widthPx)} x ${nearest(heightPx)}.`,
        { param },
      );
  }
}

/** InvalidArgument `unsupported_init_image`, `unsupported_mask`, `init_image_required`. The param is a field of `init_image`, by its name between services. */
export function refuseUnsupportedStart(model: ModelInfo, start: Start | undefined): void {
  const refuse = { param: 'init_image' };
  if (!start) {
    if (model.needsInitImage)
      throw invalidArgument(
        'init_image_required',
        `${model.modelId} changes a picture as the prompt says: send one with the request.`,
        refuse,
      );
    return;
  }
  if (!model.supportsInitImage) throw invalidArgument('unsupported_init_image', `${model.modelId} cannot start from a picture.`, refuse);
  if ((start.hasMask || start.hasPlacement) && !(model.supportsInpaint ?? true))
    throw invalidArgument(
      'unsupported_mask',
      `${model.modelId} changes pictures as a whole: it keeps no part of one by a mask or a placement.`,
      refuse,
    );
}

/** The init image goes in whole, and the prompt says what to change. */
export const isEdit = (model: ModelInfo, { hasMask, hasPlacement }: Omit<Start, 'strength'>): boolean =>
  model.supportsEdit === true && !hasMask && !hasPlacement;

/** What a request that does not say a strength carries, between services and on the REST wire. */
const strengthsUnsaid: readonly number[] = [0, 0.5];

/** What of a request will not act, said before it is paid for and with its pictures. */
export function noticesOf(
  model: ModelInfo,
  {
    negativePrompt,
    guidanceScale,
    start,
  }: { readonly negativePrompt: string; readonly guidanceScale: number; readonly start?: Start | undefined },
): RequestNotice[] {
  const notices: RequestNotice[] = [];
  if (negativePrompt !== '' && !negativePromptActs(model, guidanceScale))
    notices.push({
      kind: 'negative_prompt_ignored',
      message:
        model.negativePrompt === 'always' || (model.negativePrompt === 'with_true_cfg' && model.guidance === 'true_cfg_scale')
          ? `With ${model.modelId} a negative prompt acts at guidance scales above 1 only; it is left out.`
          : `${model.modelId} generates without a negative prompt; it is left out.`,
    });
  if (start && isEdit(model, start) && !strengthsUnsaid.includes(start.strength))
    notices.push({
      kind: 'init_strength_ignored',
      message: `${model.modelId} changes a picture as the prompt says; the strength of the init image has no meaning there.`,
    });
  return notices;
}

/** Classifier-free guidance begins above 1, and a negative prompt takes the place of its unconditional branch. Embedded guidance has none. */
function negativePromptActs({ negativePrompt, guidance }: ModelInfo, guidanceScale: number): boolean {
  if (negativePrompt === undefined) return true;
  if (negativePrompt === 'never') return false;
  return guidance === 'embedded' ? false : guidanceScale > 1;
}
