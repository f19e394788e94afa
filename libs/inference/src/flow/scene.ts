import type { EngineNotice, PaintBatch, PaintRequest } from '../diffusion-engine.js';
import type { Variant } from '@tessera/models/manifest.js';
import type { Reading } from './prompt/prompt-reader.js';
import { readRepaint, type Repaint } from '../pictures/inpaint-input.js';
import { castIn, readCharacters, type Role } from './subjects/subjects.js';
import { readGuides, type Guides } from './guidance/guides.js';
import type { Model } from './model.js';
import type { Sessions, Tensors } from './sessions.js';

/** What a request is read as, once for all of its pictures. */
export type Scene = {
  readonly reading: Reading;
  readonly roles: readonly Role[];
  readonly guides: Guides;
  readonly repaint: Repaint | undefined;
  readonly variant: Variant;
  /** The denoiser's inputs for them. */
  readonly adapters: Tensors;
};

/** The words, and the pictures that come with them. */
export async function readScene(model: Model, variant: Variant, adapters: Tensors, sessions: Sessions, batch: PaintBatch, request: PaintRequest): Promise<{ scene: Scene; notices: readonly EngineNotice[] }> {
  const guidance = request.guidance ?? [];
  const characters = await readCharacters(guidance, model, sessions);
  const reading = model.reader.read(request.prompt, variant.look, characters.map(({ subject }) => subject).filter((subject) => subject !== ''));
  const { roles, notices } = castIn(reading, characters, model);
  const guides = await readGuides(guidance, model.manifest, sessions, batch);
  const repaint = request.initImage && (await readRepaint(request.initImage, batch.widthPx, batch.heightPx));
  return { scene: { reading, roles, guides, repaint, variant, adapters }, notices: [...reading.notices, ...notices, ...withoutTwin(variant, request)] };
}

/** A distilled variant has nothing that a negative prompt could lead away from. */
function withoutTwin({ distilled }: Variant, { negativePrompt }: PaintRequest): EngineNotice[] {
  return distilled && negativePrompt !== '' ? [{ kind: 'negative_prompt_left_out', message: 'This model paints without a negative prompt; it was left out.' }] : [];
}
