import type { EngineNotice, GenerateBatch, GenerateRequest } from '../diffusion-engine.js';
import type { Variant } from '@tessera/models/manifest.js';
import type { Reading } from './prompt/prompt-reader.js';
import { readInpaintInput, type InpaintInput } from '../pictures/inpaint-input.js';
import { bindCharacters, readCharacters, type SubjectBinding } from './subjects/subjects.js';
import { readGuides, type Guides } from './guidance/guides.js';
import type { Model } from './model.js';
import type { Sessions, Tensors } from './sessions.js';

/** What a request is read as, once for all of its pictures. */
export type Scene = {
  readonly reading: Reading;
  readonly bindings: readonly SubjectBinding[];
  readonly guides: Guides;
  readonly inpaint: InpaintInput | undefined;
  readonly variant: Variant;
  /** The denoiser's inputs for them. */
  readonly adapters: Tensors;
};

/** The words, and the pictures that come with them. */
export async function readScene(
  model: Model,
  variant: Variant,
  adapters: Tensors,
  sessions: Sessions,
  batch: GenerateBatch,
  request: GenerateRequest,
): Promise<{ scene: Scene; notices: readonly EngineNotice[] }> {
  const guidance = request.guidance ?? [];
  const characters = await readCharacters(guidance, model, sessions);
  const reading = model.reader.read(
    request.prompt,
    variant.look,
    characters.map(({ subject }) => subject).filter((subject) => subject !== ''),
  );
  const { bindings, notices } = bindCharacters(reading, characters, model);
  const guides = await readGuides(guidance, model.manifest, sessions, batch);
  const inpaint = request.initImage && (await readInpaintInput(request.initImage, batch.widthPx, batch.heightPx));
  return {
    scene: { reading, bindings, guides, inpaint, variant, adapters },
    notices: [...reading.notices, ...notices, ...withoutUnconditional(variant, request)],
  };
}

/** A distilled variant has no unconditional branch for a negative prompt to act on. */
function withoutUnconditional({ distilled }: Variant, { negativePrompt }: GenerateRequest): EngineNotice[] {
  return distilled && negativePrompt !== ''
    ? [{ kind: 'negative_prompt_ignored', message: 'This model generates without a negative prompt; it is left out.' }]
    : [];
}
