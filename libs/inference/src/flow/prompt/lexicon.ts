import { grammarOf, type Language, type Meaning } from './language.js';

/** Words longer than this are noise, and spelling them out costs time. */
const wordLengthMax = 40;
/** A slip in a shorter word makes too many other words. */
const lengthToCorrectMin = 5;

/** What a reader of prompts asks for. */
export type Words = {
  readonly longestPhrase: number;
  readonly meaningOf: (words: readonly string[]) => Meaning | undefined;
  readonly conceptOf: (words: readonly string[]) => number | undefined;
  readonly correct: (word: string) => string | undefined;
};

/** The same words, and names of things that a request brings along: they are things, whatever else they mean. */
export function naming(lexicon: Words, names: readonly string[]): Words {
  if (names.length === 0) return lexicon;
  return {
    longestPhrase: Math.max(lexicon.longestPhrase, ...names.map((name) => name.split(' ').length)),
    meaningOf: (words) =>
      names.includes(words.join(' ')) ? { type: 'concept', concept: lexicon.conceptOf(words) } : lexicon.meaningOf(words),
    conceptOf: (words) => lexicon.conceptOf(words),
    correct: (word) => lexicon.correct(word),
  };
}

/** Everything that words can mean to a model: its grammar, and the concepts in its bank. */
export class Lexicon implements Words {
  readonly #grammar: ReadonlyMap<string, Meaning>;
  readonly #concepts: ReadonlyMap<string, number>;
  readonly #irregular: ReadonlyMap<string, string>;
  readonly #single: readonly string[];
  readonly longestPhrase: number;

  constructor(language: Language, concepts: ReadonlyMap<string, number>) {
    this.#grammar = grammarOf(language);
    this.#concepts = concepts;
    this.#irregular = new Map(Object.entries(language.irregularPlurals));
    const all = [...this.#grammar.keys(), ...concepts.keys(), ...this.#irregular.keys()];
    this.#single = [...new Set(all.filter((phrase) => !phrase.includes(' ') && phrase.length >= lengthToCorrectMin - 1))];
    this.longestPhrase = all.reduce((longest, phrase) => Math.max(longest, phrase.split(' ').length), 1);
  }

  /** The grammar first: "a beach" is a place, although there is a picture of one. */
  meaningOf(words: readonly string[]): Meaning | undefined {
    const phrase = words.join(' ');
    const concept = this.conceptOf(words);
    return (
      this.#grammar.get(phrase) ??
      (concept === undefined
        ? this.#grammar.get(this.#singulars(words).find((each) => this.#isScene(each)) ?? '')
        : { type: 'concept', concept })
    );
  }

  /** Also for words that the grammar claims, and for plurals. */
  conceptOf(words: readonly string[]): number | undefined {
    const exact = this.#concepts.get(words.join(' '));
    if (exact !== undefined) return exact;
    for (const phrase of this.#singulars(words)) {
      const concept = this.#concepts.get(phrase);
      if (concept !== undefined) return concept;
    }
    return undefined;
  }

  #isScene(phrase: string): boolean {
    return this.#grammar.get(phrase)?.type === 'scene';
  }

  /** The phrase with its last word in the singular, likeliest form first. */
  #singulars(words: readonly string[]): string[] {
    const last = words.at(-1) ?? '';
    const forms: string[] = [];
    const irregular = this.#irregular.get(last);
    if (irregular !== undefined) forms.push(irregular);
    if (last.length > 3 && last.endsWith('s') && !last.endsWith('ss')) {
      forms.push(last.slice(0, -1));
      if (last.endsWith('ies')) forms.push(`${last.slice(0, -3)}y`);
      if (last.endsWith('ves')) forms.push(`${last.slice(0, -3)}f`, `${last.slice(0, -3)}fe`);
      if (last.endsWith('es')) forms.push(last.slice(0, -2));
    }
    const before = words.slice(0, -1);
    return forms.map((form) => [...before, form].join(' '));
  }

  /** The one known word that a single slip after the first letter makes of this one; undefined when there is none, or when several mean different things. */
  correct(word: string): string | undefined {
    if (word.length < lengthToCorrectMin || word.length > wordLengthMax) return undefined;
    const near = this.#single.filter((known) => known !== word && known[0] === word[0] && isOneSlipAway(known, word));
    const meanings = new Set(near.map((known) => JSON.stringify(this.meaningOf([known]))));
    return meanings.size === 1 ? near[0] : undefined;
  }
}

/** One letter more, one less, another one, or two neighbours swapped. */
export function isOneSlipAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  const restA = a.slice(start);
  const restB = b.slice(start);
  if (a.length !== b.length) return restA.slice(1) === restB || restA === restB.slice(1);
  if (restA.slice(1) === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}
