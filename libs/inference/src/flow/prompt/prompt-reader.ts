import type { EngineNotice } from '../../diffusion-engine.js';
import type { Language, Meaning, Relation } from './language.js';
import { type Lexicon, naming, type Words } from './lexicon.js';
import { phrasesOf, type Phrase } from './phrases.js';

/** A thing that the prompt names: a concept of the bank, or a name that the request explains, with its attributes. */
export type PromptSubject = {
  readonly concept: number | undefined;
  readonly name: string;
  readonly colour: string | undefined;
  readonly size: string | undefined;
};

export type Reading = {
  /** From left to right. At most as many as the model has slots. */
  readonly subjects: readonly PromptSubject[];
  readonly position: string | undefined;
  /** Of the first of two things to the second; undefined for a mere "and". */
  readonly relation: Relation | undefined;
  /** Caption of the background; undefined when the prompt leaves it open. */
  readonly scene: string | undefined;
  readonly styleVariant: string;
  readonly notices: readonly EngineNotice[];
};

type OpenPromptSubject = { concept: number | undefined; name: string; colour: string | undefined; size: string | undefined };
type Modifiers = { colour: { name: string; word: string } | undefined; size: string | undefined; count: number };

const endsNounPhrase = ({ type }: Meaning) => type === 'joint' || type === 'relation';

const noModifiers = (): Modifiers => ({ colour: undefined, size: undefined, count: 1 });

/** Reads plain language: which things, which colours belong to which, where, and before what. */
export class PromptReader {
  constructor(
    private readonly language: Language,
    private readonly lexicon: Lexicon,
    private readonly slots: number,
  ) {}

  /** `names`: what else is to be read as a thing, in lower case. */
  read(prompt: string, defaultStyleVariant: string, names: readonly string[] = []): Reading {
    const words = naming(this.lexicon, names);
    const pass = new ReadingPass(this.language, words, this.slots, defaultStyleVariant);
    const phrases = phrasesOf(prompt, words, (notice) => pass.notices.push(notice));
    phrases.forEach((phrase, k) => pass.take(phrase, phrases[k - 1], phrases[k + 1]));
    return pass.finish();
  }

  /** The bank's number of a thing, by any of its words. */
  conceptOf(phrase: string): number | undefined {
    return phrase === '' ? undefined : this.lexicon.conceptOf(phrase.split(' '));
  }

  /** The words of a negative prompt that the text encoder knows: scenes, colours, sizes, looks. */
  readNegative(prompt: string): string[] {
    const captions: string[] = [];
    for (const { meaning } of phrasesOf(prompt, this.lexicon, () => {})) {
      if (meaning.type === 'scene') captions.push(this.language.scenes[meaning.scene]?.caption ?? '');
      if (meaning.type === 'plainScene') captions.push(this.language.plainScene.replace('{colour}', meaning.colour));
      if (meaning.type === 'colour') captions.push(meaning.colour);
      if (meaning.type === 'size') captions.push(meaning.size);
      if (meaning.type === 'position') captions.push(meaning.position);
      if (meaning.type === 'styleVariant') captions.push(this.language.looks[meaning.styleVariant]?.caption ?? '');
    }
    return captions.flatMap((caption) => caption.split(' '));
  }
}

/** One prompt, phrase by phrase. */
class ReadingPass {
  readonly notices: EngineNotice[] = [];
  readonly #subjects: OpenPromptSubject[] = [];
  /** Scenes that are named like a thing ("a mountain at night"): if no other thing is named, they become one. */
  readonly #scenes: { scene: string; words: readonly string[]; isSubjectLike: boolean }[] = [];
  #plainColour: string | undefined;
  #position: string | undefined;
  #styleVariant: string;
  /** Between the first thing and a second that is still to come. */
  #openRelation: Relation | undefined;
  #relation: Relation | undefined;
  #modifiers = noModifiers();
  #leftOut: string[] = [];

  constructor(
    private readonly language: Language,
    private readonly lexicon: Words,
    private readonly slots: number,
    defaultStyleVariant: string,
  ) {
    this.#styleVariant = defaultStyleVariant;
  }

  take(phrase: Phrase, before: Phrase | undefined, after: Phrase | undefined): void {
    const { meaning, words } = phrase;
    switch (meaning.type) {
      case 'concept':
        return this.#takeConcept(meaning.concept, words, before);
      case 'colour':
        return this.#takeColour(meaning.colour, words, before, after);
      case 'size':
        this.#modifiers.size = meaning.size;
        return;
      case 'count':
        this.#modifiers.count = meaning.count;
        return;
      case 'position':
        this.#position ??= meaning.position;
        return;
      case 'styleVariant':
        this.#takeStyleVariant(meaning.styleVariant);
        return;
      case 'scene':
        this.#openRelation = undefined;
        this.#scenes.push({
          scene: meaning.scene,
          words,
          isSubjectLike: before === undefined || (!endsNounPhrase(before.meaning) && this.#subjects.length === 0),
        });
        this.#modifiers = noModifiers();
        return;
      case 'plainScene':
        this.#plainColour = meaning.colour;
        return;
      case 'relation':
        this.#dropModifiers();
        this.#openRelation = this.#subjects.length === 1 ? meaning.relation : undefined;
        return;
      case 'joint':
        this.#openRelation = undefined;
        this.#dropModifiers();
        return;
      case 'article':
        this.#dropModifiers();
        return;
      case 'ignored':
        return;
      default:
        meaning satisfies never;
    }
  }

  #takeStyleVariant(styleVariant: string): void {
    const within = this.language.looks[styleVariant]?.within;
    if (within === undefined || within === this.#styleVariant) this.#styleVariant = styleVariant;
  }

  #takeConcept(concept: number | undefined, words: readonly string[], before: Phrase | undefined): void {
    const [first = ''] = words;
    const ownColour = words.length > 1 && first in this.language.colours ? first : undefined;
    const subject = { concept, name: words.join(' '), colour: this.#modifiers.colour?.name ?? ownColour, size: this.#modifiers.size };
    const { count } = this.#modifiers;
    this.#modifiers = noModifiers();
    if (before?.meaning.type === 'concept') {
      // "chocolate cake": the last noun is meant, the one before describes it.
      const described = this.#subjects.pop();
      if (described) this.#leftOut.push(described.name);
      this.#subjects.push({ ...subject, colour: subject.colour ?? described?.colour, size: subject.size ?? described?.size });
      return;
    }
    this.#relation ??= this.#openRelation;
    this.#openRelation = undefined;
    this.#subjects.push(subject);
    for (let k = 1; k < Math.min(count, this.slots) && this.#subjects.length < this.slots; k += 1) this.#subjects.push({ ...subject });
    if (count > this.slots)
      this.notices.push({
        kind: 'concept_left_out',
        message: `This model paints at most ${this.slots} things: ${this.slots} of ${count} ${subject.name} are painted.`,
      });
  }

  #takeColour(colour: string, words: readonly string[], before: Phrase | undefined, after: Phrase | undefined): void {
    const endsPhrase =
      after === undefined || endsNounPhrase(after.meaning) || after.meaning.type === 'scene' || after.meaning.type === 'position';
    const concept = this.lexicon.conceptOf(words);
    if (endsPhrase && concept !== undefined && (before === undefined || !endsNounPhrase(before.meaning)) && before?.words[0] !== 'is')
      return this.#takeConcept(concept, words, before);
    if (endsPhrase && before?.words.join(' ') === 'on' && this.language.plainColours.includes(colour)) {
      this.#plainColour = colour;
      return;
    }
    if (!(colour in this.language.paints) && !endsPhrase) {
      this.notices.push({ kind: 'unknown_word', message: `No thing can be "${words.join(' ')}"; the colour was left out.` });
      return;
    }
    this.#modifiers.colour = { name: colour, word: words.join(' ') };
    if (endsPhrase) this.#dropModifiers();
  }

  /** At the end of a phrase: "the dog is red" colours the dog. */
  #dropModifiers(): void {
    const last = this.#subjects.at(-1);
    const { colour } = this.#modifiers;
    if (last && colour && last.colour === undefined && colour.name in this.language.paints) last.colour = colour.name;
    this.#modifiers = noModifiers();
  }

  finish(): Reading {
    this.#dropModifiers();
    this.#promoteSceneToSubject();
    const kept = this.#subjects.slice(0, this.slots);
    this.#leftOut.push(...this.#subjects.slice(this.slots).map(({ name }) => name));
    for (const name of this.#leftOut)
      this.notices.push({
        kind: 'concept_left_out',
        message: `This model paints at most ${this.slots} things, one word each; "${name}" was left out.`,
      });
    const relation = kept.length === 2 && this.#subjects.length === 2 ? this.#relation : undefined;
    return {
      subjects: relation?.isSwapped ? kept.toReversed() : kept,
      position: this.#position,
      relation,
      scene: this.#sceneCaption(),
      styleVariant: this.#styleVariant,
      notices: this.notices,
    };
  }

  #promoteSceneToSubject(): void {
    if (this.#subjects.length > 0 || this.#blend() || (this.#scenes.length < 2 && this.#plainColour === undefined)) return;
    const index = this.#scenes.findIndex(({ isSubjectLike, words }) => isSubjectLike && this.lexicon.conceptOf(words) !== undefined);
    const [promoted] = index === -1 ? [] : this.#scenes.splice(index, 1);
    const concept = promoted && this.lexicon.conceptOf(promoted.words);
    if (promoted && concept !== undefined)
      this.#subjects.push({ concept, name: promoted.words.join(' '), colour: undefined, size: undefined });
  }

  #namedScenes(): string[] {
    return [...new Set(this.#scenes.map(({ scene }) => scene))];
  }

  #blend(): Language['blends'][number] | undefined {
    const named = this.#namedScenes();
    return this.language.blends.find(({ scenes }) => scenes.every((scene) => named.includes(scene)));
  }

  /** One place at a time, in one of its lights; two scenes may also have a caption of their own. */
  #sceneCaption(): string | undefined {
    const { scenes, plainScene } = this.language;
    const named = this.#namedScenes();
    if (named.length === 0) return this.#plainColour === undefined ? undefined : plainScene.replace('{colour}', this.#plainColour);
    const blend = this.#blend();
    if (blend) return blend.caption;
    const chosen = named.find((scene) => !scenes[scene]?.isLight) ?? named[0] ?? '';
    const light = scenes[chosen]?.lights.find((each) => named.includes(each)) ?? '';
    for (const scene of named) {
      if (scene !== chosen && scene !== light)
        this.notices.push({
          kind: 'scene_left_out',
          message: `This model knows one scene at a time: "${scene}" was left out beside "${chosen}".`,
        });
    }
    return [chosen, light].flatMap((scene) => scenes[scene]?.caption ?? []).join(' ');
  }
}
