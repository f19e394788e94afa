import sharp from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { EngineNotice, GuidanceInput } from '../../diffusion-engine.js';
import { phraseOf } from '../prompt/phrases.js';
import type { Reading, PromptSubject } from '../prompt/prompt-reader.js';
import { readGuidance } from '../../pictures/read-guidance.js';
import { boundsOfLevels, matteOf } from './matting.js';
import type { Model } from '../model.js';
import { type Reference, referencePlanes } from './reference.js';
import type { Sessions } from '../sessions.js';

/** Larger cut-outs show no more once they are 96 pixels small. */
const cutOutSidePx = 512;
/** Fainter pixels do not belong to the thing: shadows, and the matting head's doubts. */
const opaqueFrom = 24;
/** A picture counts as cut out when at least this share of it is see-through. */
const cutOutShare = 0.02;

/** A thing that a request brings along: pictures of it, and the word of the prompt that it stands for. */
export type Character = {
  /** As in the prompt, in lower case; empty: the first thing. */
  readonly subject: string;
  /** The first shows it; the others are further views of the same. */
  readonly references: readonly Reference[];
  /** Below 1, the bank's picture of the word has a share. */
  readonly strength: number;
};

/** Pictures with the same word are views of one thing. */
export async function readCharacters(guidance: readonly GuidanceInput[], model: Model, sessions: Sessions): Promise<Character[]> {
  const bySubject = new Map<string, { references: Reference[]; strength: number }>();
  for (const input of guidance) {
    if (input.kind !== 'character' || input.strength === 0) continue;
    const subject = phraseOf(input.subject ?? '').join(' ');
    const character = bySubject.get(subject) ?? { references: [], strength: 0 };
    character.references.push(await readCutOut(input, model, sessions));
    character.strength = Math.max(character.strength, input.strength);
    bySubject.set(subject, character);
  }
  return [...bySubject].map(([subject, character]) => ({ subject, ...character }));
}

/** A subject of the prompt, and the character of the request that stands for it, if there is one. */
export type SubjectBinding = { readonly subject: PromptSubject; readonly character: Character | undefined };

/** Assigns every character to a subject of the prompt: by its name, else by its concept; one without a name gets the first subject that is free. */
export function bindCharacters(
  reading: Reading,
  characters: readonly Character[],
  model: Model,
): { readonly bindings: readonly SubjectBinding[]; readonly notices: readonly EngineNotice[] } {
  const bindings: { subject: PromptSubject; character: Character | undefined }[] = reading.subjects.map((subject) => ({
    subject,
    character: undefined,
  }));
  const notices: EngineNotice[] = [];
  for (const character of characters.toSorted((a, b) => Number(a.subject === '') - Number(b.subject === ''))) {
    const concept = model.reader.conceptOf(character.subject);
    const isMeant = ({ subject }: SubjectBinding) =>
      character.subject === '' || subject.name === character.subject || (concept !== undefined && subject.concept === concept);
    const binding = bindings.find((each) => each.character === undefined && isMeant(each));
    if (binding) binding.character = character;
    else if (character.subject === '' && bindings.length === 0) {
      bindings.push({ subject: { concept: undefined, name: 'thing', colour: undefined, size: undefined }, character });
      notices.push({ kind: 'character_added', message: 'The prompt names no thing that the character could be, so it was added.' });
    } else throw unnamed(character, model.manifest.slots.length);
  }
  return { bindings, notices };
}

function unnamed({ subject }: Character, slots: number): Error {
  const sentence =
    subject === ''
      ? 'The prompt names no thing that is left for this character.'
      : `The prompt does not name "${subject.slice(0, 40)}", or more than ${slots} things before it.`;
  return invalidArgument('unknown_subject', sentence, { param: 'guidance' });
}

/** Cut out by its own transparency, else by the matting head; cropped, and centred in a square as the bank's pictures are. */
async function readCutOut(input: GuidanceInput, model: Model, sessions: Sessions): Promise<Reference> {
  const { data, info } = await readGuidance(input, (picture) =>
    picture
      .ensureAlpha()
      .resize(cutOutSidePx, cutOutSidePx, { fit: 'inside', withoutEnlargement: true })
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  const { width, height } = info;
  if (!isCutOut(data)) await cutOut(data, width, height, model, sessions);
  const bounds = boundsOfLevels(alphaOf(data), width, opaqueFrom);
  if (!bounds)
    throw invalidArgument('empty_character', 'There is nothing to be seen in the picture of the character.', { param: 'guidance' });
  const cropped = await sharp(data, { raw: { width, height, channels: 4 } })
    .extract(bounds)
    .raw()
    .toBuffer();
  const sidePx = model.concepts.sidePx;
  const square = await sharp(cropped, { raw: { width: bounds.width, height: bounds.height, channels: 4 } })
    .resize(sidePx, sidePx, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .raw()
    .toBuffer();
  const longer = Math.max(bounds.width, bounds.height);
  // Mirroring would change what a character is: letters, logos, asymmetric features.
  return {
    planes: referencePlanes(square, sidePx),
    aspectWidth: bounds.width / longer,
    aspectHeight: bounds.height / longer,
    floats: false,
    canMirror: false,
  };
}

function isCutOut(rgba: Uint8Array): boolean {
  let clear = 0;
  for (let at = 3; at < rgba.length; at += 4) clear += (rgba[at] ?? 0) < opaqueFrom ? 1 : 0;
  return clear >= cutOutShare * (rgba.length / 4);
}

/** Writes the matting head's alpha into RGBA pixels. */
async function cutOut(rgba: Buffer, widthPx: number, heightPx: number, { manifest }: Model, sessions: Sessions): Promise<void> {
  const data = await sharp(rgba, { raw: { width: widthPx, height: heightPx, channels: 4 } })
    .removeAlpha()
    .raw()
    .toBuffer();
  const matte = await matteOf({ data, widthPx, heightPx }, manifest, sessions);
  if (!matte)
    throw invalidArgument(
      'character_not_cut_out',
      'The character must stand before a transparent background: this model cannot cut it out.',
      { param: 'guidance' },
    );
  matte.forEach((level, pixel) => (rgba[pixel * 4 + 3] = level));
}

const alphaOf = (rgba: Uint8Array): Uint8Array => Uint8Array.from({ length: rgba.length / 4 }, (_, pixel) => rgba[pixel * 4 + 3] ?? 0);
