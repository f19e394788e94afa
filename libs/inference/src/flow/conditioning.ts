import path from 'node:path';
import type { Caption } from './prompt/caption.js';
import type { Character, SubjectBinding } from './subjects/subjects.js';
import { type Guides, guideTensors } from './guidance/guides.js';
import type { Box, Window } from './layout/layout.js';
import type { Model } from './model.js';
import { type Pose, upright } from './layout/pose.js';
import type { Reference } from './subjects/reference.js';
import { floats, integers, numbers, type Sessions, type Tensors } from './sessions.js';

/** What shows a subject: the bank's picture of it, or the character that the request brings along in its place. */
export type Subject = {
  readonly reference: Reference;
  /** Further pictures of the same subject. */
  readonly views: readonly Reference[];
  /** The bank's picture of the word, and its share beside a character's; undefined when there is no such picture. */
  readonly bankPicture: { readonly reference: Reference; readonly share: number } | undefined;
};
export type PlacedSubject = Subject & { readonly box: Box | undefined; readonly pose: Pose };
export type Conditions = Tensors & Record<'text' | 'references' | 'canvas', Tensors[string]>;

type Given = {
  readonly caption: Caption;
  readonly negative: Caption;
  readonly subjects: readonly PlacedSubject[];
  readonly guides: Guides;
  readonly window: Window;
  /** 1 without the unconditional branch, else 2. */ readonly rows: number;
};

export async function subjectOf(
  { subject: { concept, colour, name }, character }: SubjectBinding,
  { language, concepts }: Model,
  styleVariant: string,
): Promise<Subject> {
  const pictures = language.looks[styleVariant]?.within ?? styleVariant;
  const shift = colour === undefined ? undefined : language.paints[colour];
  const ofBank =
    concept === undefined || (character && character.strength >= 1) ? undefined : await concepts.reference(concept, pictures, shift);
  if (character) return characterSubject(character, ofBank);
  if (!ofBank) throw new Error(`Nothing shows "${name}"`);
  return { reference: ofBank, views: [], bankPicture: undefined };
}

function characterSubject({ references: [reference, ...views], strength }: Character, ofBank: Reference | undefined): Subject {
  if (!reference) throw new Error('A character without a picture');
  return { reference, views, bankPicture: ofBank && { reference: ofBank, share: 1 - strength } };
}

/** Runs the graph once. If a character's strength is below 1 it runs again with the bank's picture in its place, and the result is interpolated between the two. */
export async function condition(model: Model, sessions: Sessions, given: Given): Promise<Conditions> {
  const conditions = await run(model, sessions, given);
  const share = Math.max(0, ...given.subjects.map(({ bankPicture }) => bankPicture?.share ?? 0));
  if (share === 0) return conditions;
  const subjects = given.subjects.map((subject) =>
    subject.bankPicture ? { ...subject, reference: subject.bankPicture.reference, views: [] } : subject,
  );
  const others = await run(model, sessions, { ...given, subjects });
  const between = (role: 'text' | 'references' | 'canvas') => {
    const there = numbers(others[role]);
    return floats(
      numbers(conditions[role]).map((value, k) => value + share * ((there[k] ?? 0) - value)),
      ...conditions[role].dims,
    );
  };
  return { text: between('text'), references: between('references'), canvas: between('canvas') };
}

/** Row 0 of each tensor is what was asked for; row 1, if there is one, is the unconditional branch: the negative prompt, and no subject. */
async function run(model: Model, sessions: Sessions, { caption, negative, subjects, guides, window, rows }: Given): Promise<Conditions> {
  const { manifest, concepts } = model;
  const sidePx = concepts.sidePx;
  const slots = Math.max(1, subjects.length);
  const graph = manifest.graphs.conditioning;
  const planes = 4 * sidePx * sidePx;
  const pictures = new Float32Array(rows * slots * planes);
  const places = new Float32Array(rows * slots * 3).fill(-1);
  const dropped = new Float32Array(rows * slots).fill(1);
  const at = new BigInt64Array(rows * slots);
  const poses = Float32Array.from(Array.from({ length: rows * slots }, () => upright).flat());
  const viewCount = Math.max(1, ...subjects.map(({ views }) => views.length));
  const views = new Float32Array(rows * slots * viewCount * planes);
  const viewWeights = new Float32Array(rows * slots * viewCount);
  subjects.forEach((subject, slot) => {
    pictures.set(subject.reference.planes, slot * planes);
    poses.set(subject.pose, slot * upright.length);
    if (subject.box) places.set([subject.box.x, subject.box.y, subject.box.side], slot * 3);
    dropped[slot] = 0;
    at[slot] = BigInt(caption.slotPositions[slot] ?? 0);
    subject.views.forEach((view, k) => {
      views.set(view.planes, (slot * viewCount + k) * planes);
      viewWeights[slot * viewCount + k] = 1;
    });
  });
  if (subjects.length === 0) {
    // A scene without subjects gets a transparent one: with an empty slot the model adds a subject of its own.
    places.set([manifest.nativeSidePx / 2, manifest.nativeSidePx / 2, manifest.box.emptySidePx]);
    dropped[0] = 0;
  }
  const tokens = caption.tokens.length;
  const both = new BigInt64Array(rows * tokens);
  both.set(caption.tokens);
  if (rows > 1) both.set(negative.tokens, tokens);
  return sessions.run(path.join(manifest.folder, graph.file), graph, {
    tokens: integers(both, rows, tokens),
    slots: integers(at, rows, slots),
    references: floats(pictures, rows, slots, 4, sidePx, sidePx),
    boxes: floats(places, rows, slots, 3),
    dropped: floats(dropped, rows, slots),
    poses: floats(poses, rows, slots, 2, 2),
    views: floats(views, rows, slots, viewCount, 4, sidePx, sidePx),
    viewWeights: floats(viewWeights, rows, slots, viewCount),
    ...(await guideTensors(guides, manifest, sessions, window, rows)),
  });
}
