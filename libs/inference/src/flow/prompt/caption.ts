import type { Language } from './language.js';
import type { Reading } from './prompt-reader.js';

/** The words of the text encoder's vocabulary, by their number. */
export type Vocabulary = ReadonlyMap<string, number>;

/** What the text encoder gets: a caption as it was trained on, with slots where the things are. */
export type Caption = {
  readonly words: readonly string[];
  /** Numbers of the words, padded to the encoder's length. */
  readonly tokens: BigInt64Array;
  /** Where in the caption each slot stands. */
  readonly slotPositions: readonly number[];
};

/** A place is said for a single thing only: captions of several never had one. */
export function captionWords(
  { subjects, position, relation, scene, styleVariant }: Reading,
  language: Language,
  slots: readonly string[],
  maxWords: number,
): string[] {
  const [only, second] = subjects;
  const things = subjects.flatMap(({ colour, size }, k) => [
    ...(k > 0 ? (relation?.caption ?? 'and').split(' ') : []),
    'a',
    ...(subjects.length > language.sizedThings || size === undefined ? [] : [size]),
    ...(colour === undefined ? [] : [colour]),
    slots[k] ?? '',
  ]);
  const place = only && !second && position ? position.split(' ') : [];
  const background = (scene ?? (only ? '' : language.scenes[language.defaultScene]?.caption) ?? '').split(' ').filter(Boolean);
  const style = language.looks[styleVariant]?.caption.split(' ') ?? [];
  const words = [...things, ...place, ...background];
  return words.length + style.length <= maxWords ? [...words, ...style] : words.slice(0, maxWords);
}

export function encodeCaption(
  words: readonly string[],
  vocabulary: Vocabulary,
  slots: readonly string[],
  { tokens, padToken }: { tokens: number; padToken: string },
): Caption {
  const known = words.filter((word) => vocabulary.has(word)).slice(0, tokens);
  const pad = vocabulary.get(padToken) ?? 0;
  const numbers = Array.from({ length: tokens }, (_, k) => BigInt(vocabulary.get(known[k] ?? padToken) ?? pad));
  return {
    words: known,
    tokens: BigInt64Array.from(numbers),
    slotPositions: slots.map((slot) => known.indexOf(slot)).filter((position) => position >= 0),
  };
}
