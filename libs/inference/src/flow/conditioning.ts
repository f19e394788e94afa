import path from 'node:path';
import type { Caption } from './prompt/caption.js';
import type { Character, Role } from './subjects/subjects.js';
import { type Guides, guideTensors } from './guidance/guides.js';
import type { Box, Window } from './layout/layout.js';
import type { Model } from './model.js';
import { type Pose, upright } from './layout/pose.js';
import type { Reference } from './subjects/reference.js';
import { floats, integers, numbers, type Sessions, type Tensors } from './sessions.js';

/** What shows a thing: the bank's picture of it, or the character that the request brings along in its place. */
export type Actor = {
  readonly reference: Reference;
  /** Further pictures of the same thing. */
  readonly views: readonly Reference[];
  /** The bank's picture of the word, and how little of it shines through a character; undefined when there is no such picture. */
  readonly understudy: { readonly reference: Reference; readonly share: number } | undefined;
};
export type Thing = Actor & { readonly box: Box | undefined; readonly pose: Pose };
export type Conditions = Tensors & Record<'text' | 'references' | 'canvas', Tensors[string]>;

type Given = { readonly caption: Caption; readonly negative: Caption; readonly things: readonly Thing[]; readonly guides: Guides; readonly window: Window; /** 1 without the unguided twin, else 2. */ readonly rows: number };

export async function actorOf({ subject: { concept, colour, name }, character }: Role, { language, concepts }: Model, look: string): Promise<Actor> {
  const pictures = language.looks[look]?.within ?? look;
  const paint = colour === undefined ? undefined : language.paints[colour];
  const ofBank = concept === undefined || (character && character.strength >= 1) ? undefined : await concepts.reference(concept, pictures, paint);
  if (character) return playedBy(character, ofBank);
  if (!ofBank) throw new Error(`Nothing shows "${name}"`);
  return { reference: ofBank, views: [], understudy: undefined };
}

function playedBy({ references: [reference, ...views], strength }: Character, ofBank: Reference | undefined): Actor {
  if (!reference) throw new Error('A character without a picture');
  return { reference, views, understudy: ofBank && { reference: ofBank, share: 1 - strength } };
}

/** Once; and, where a character is followed in part only, once more with the bank's picture in its place: the conditions lie between the two. */
export async function condition(model: Model, sessions: Sessions, given: Given): Promise<Conditions> {
  const conditions = await run(model, sessions, given);
  const share = Math.max(0, ...given.things.map(({ understudy }) => understudy?.share ?? 0));
  if (share === 0) return conditions;
  const things = given.things.map((thing) => (thing.understudy ? { ...thing, reference: thing.understudy.reference, views: [] } : thing));
  const others = await run(model, sessions, { ...given, things });
  const between = (role: 'text' | 'references' | 'canvas') => {
    const there = numbers(others[role]);
    return floats(numbers(conditions[role]).map((value, k) => value + share * ((there[k] ?? 0) - value)), ...conditions[role].dims);
  };
  return { text: between('text'), references: between('references'), canvas: between('canvas') };
}

/** Row 0 of each tensor is what was asked for; row 1, if there is one, is what guidance leads away from: the negative prompt, and no thing at all. */
async function run(model: Model, sessions: Sessions, { caption, negative, things, guides, window, rows }: Given): Promise<Conditions> {
  const { manifest, concepts } = model;
  const sidePx = concepts.sidePx;
  const slots = Math.max(1, things.length);
  const graph = manifest.graphs.conditioning;
  const planes = 4 * sidePx * sidePx;
  const pictures = new Float32Array(rows * slots * planes);
  const places = new Float32Array(rows * slots * 3).fill(-1);
  const dropped = new Float32Array(rows * slots).fill(1);
  const at = new BigInt64Array(rows * slots);
  const poses = Float32Array.from(Array.from({ length: rows * slots }, () => upright).flat());
  const viewCount = Math.max(1, ...things.map(({ views }) => views.length));
  const views = new Float32Array(rows * slots * viewCount * planes);
  const viewWeights = new Float32Array(rows * slots * viewCount);
  things.forEach((thing, slot) => {
    pictures.set(thing.reference.planes, slot * planes);
    poses.set(thing.pose, slot * upright.length);
    if (thing.box) places.set([thing.box.x, thing.box.y, thing.box.side], slot * 3);
    dropped[slot] = 0;
    at[slot] = BigInt(caption.slotPositions[slot] ?? 0);
    thing.views.forEach((view, k) => {
      views.set(view.planes, (slot * viewCount + k) * planes);
      viewWeights[slot * viewCount + k] = 1;
    });
  });
  if (things.length === 0) {
    // A scene alone: a transparent thing. With nothing at all in the slot, the model makes something up.
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
