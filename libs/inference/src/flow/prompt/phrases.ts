import type { EngineNotice } from '../../diffusion-engine.js';
import type { Meaning } from './language.js';
import type { Words } from './lexicon.js';

/** Far beyond what a caption can say; bounds the work that a hostile prompt causes. */
const wordsMax = 400;
/** Words that are spelled out against the whole lexicon, a millisecond or so each. */
const correctionsMax = 12;
/** Notices about single words; a page of prose would otherwise come back as a page of complaints. */
const wordNoticesMax = 8;

export type Phrase = { readonly words: readonly string[]; readonly meaning: Meaning };

/** Words in lower case, an emoji by itself, and "," for every pause. */
function wordsOf(prompt: string): string[] {
  const plain = prompt.normalize('NFKC').toLowerCase().replaceAll('’', "'");
  const text = plain.replaceAll(/'s\b/g, '').replaceAll(/\u{FE0F}|[\u{1F3FB}-\u{1F3FF}]/gu, '');
  const pattern = /\p{Extended_Pictographic}(?:\u{200D}\p{Extended_Pictographic})*|[\p{L}\p{N}]+(?:'[\p{L}]+)*|[,.;:!?&+()]/gu;
  return Array.from(text.matchAll(pattern), ([word]) => (/^[,.;:!?()]$/.test(word) ? ',' : word)).slice(0, wordsMax);
}

/** A phrase as prompts are read, in lower case and without pauses. */
export const phraseOf = (text: string): string[] => wordsOf(text).filter((word) => word !== ',');

/** Cuts a prompt into the longest phrases that mean something; what means nothing becomes a notice. */
export function phrasesOf(prompt: string, lexicon: Words, notice: (notice: EngineNotice) => void): Phrase[] {
  const words = wordsOf(prompt);
  const phrases: Phrase[] = [];
  let corrections = 0;
  let wordNotices = 0;
  const noticeWord = (kind: string, message: string) => {
    wordNotices += 1;
    if (wordNotices <= wordNoticesMax) notice({ kind, message });
  };
  for (let start = 0; start < words.length;) {
    const known = longestPhrase(words, start, lexicon);
    if (known) {
      phrases.push(known);
      start += known.words.length;
      continue;
    }
    const word = words[start] ?? '';
    corrections += 1;
    const corrected = corrections <= correctionsMax ? lexicon.correct(word) : undefined;
    if (corrected !== undefined) {
      noticeWord('read_as', `Read "${word}" as "${corrected}".`);
      words[start] = corrected;
    } else {
      noticeWord('unknown_word', `No concept for "${word}"; it was left out.`);
      // It still stands between its neighbours: "a panda eating pizza" is no kind of pizza.
      phrases.push({ words: [word], meaning: { type: 'ignored' } });
      start += 1;
    }
  }
  return phrases;
}

function longestPhrase(words: readonly string[], start: number, lexicon: Words): Phrase | undefined {
  if (words[start] === ',') return { words: [','], meaning: { type: 'joint' } };
  for (let length = Math.min(lexicon.longestPhrase, words.length - start); length > 0; length -= 1) {
    const candidate = words.slice(start, start + length);
    if (candidate.includes(',')) continue;
    const meaning = lexicon.meaningOf(candidate);
    if (meaning) return { words: candidate, meaning };
  }
  return undefined;
}
