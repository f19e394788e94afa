import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { internal, invalidArgument } from '@tessera/platform/errors.js';
import type { Adapter } from '../lora/adapter.js';
import type { Manifest, Variant } from '@tessera/models/manifest.js';
import { parseFile } from '@tessera/models/parse-file.js';
import type { Vocabulary } from './prompt/caption.js';
import { type Language, languageSchema } from './prompt/language.js';
import { Lexicon } from './prompt/lexicon.js';
import { PromptReader } from './prompt/prompt-reader.js';
import { ConceptBank } from './subjects/concept-bank.js';

/** A manifest with everything it points to, apart from the graphs. */
export type Model = {
  readonly manifest: Manifest;
  readonly language: Language;
  readonly vocabulary: Vocabulary;
  readonly concepts: ConceptBank;
  readonly reader: PromptReader;
  /** Adapters that come with it, once they have been used; as many as the manifest names. */
  readonly bundled: Map<string, Promise<Adapter>>;
};

/** Models by the ids of their variants, each family read once, when it is first asked for. */
export class LoadedModels {
  readonly #models = new Map<string, Promise<Model>>();

  constructor(private readonly manifests: readonly Manifest[]) {}

  get size(): number {
    return this.#models.size;
  }

  async of(modelId: string): Promise<{ model: Model; variant: Variant }> {
    const manifest = this.manifests.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
    const variant = manifest?.variants.find((each) => each.modelId === modelId);
    if (!manifest || !variant) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    const loading = this.#models.get(manifest.folder) ?? loadModel(manifest);
    this.#models.set(manifest.folder, loading);
    const model = await loading.catch((error: unknown) => {
      this.#models.delete(manifest.folder);
      throw internal('broken_model', `The files of "${modelId}" cannot be loaded; the log says why.`, { cause: error });
    });
    return { model, variant };
  }
}

export async function loadModel(manifest: Manifest): Promise<Model> {
  const at = (file: string) => path.join(manifest.folder, file);
  const [language, words, concepts] = await Promise.all([
    readFile(at(manifest.language), 'utf8').then((json) => parseFile(languageSchema, json, at(manifest.language))),
    readFile(at(manifest.text.vocabulary), 'utf8').then((json) => parseFile(z.array(z.string()), json, at(manifest.text.vocabulary))),
    ConceptBank.load(at(manifest.concepts)),
  ]);
  const vocabulary = new Map(words.map((word, number) => [word, number]));
  refuseUnknownWords(manifest, language, vocabulary);
  const reader = new PromptReader(language, new Lexicon(language, concepts.words), manifest.slots.length);
  return { manifest, language, vocabulary, concepts, reader, bundled: new Map() };
}

/** A caption word that the text encoder does not know would be dropped without a sound. */
function refuseUnknownWords(manifest: Manifest, language: Language, vocabulary: Vocabulary): void {
  const captions = [
    ...manifest.slots,
    manifest.text.padToken,
    ...Object.values(language.looks).map(({ caption }) => caption),
    ...Object.values(language.scenes).map(({ caption }) => caption),
    ...language.blends.map(({ caption }) => caption),
    ...language.relations.map(({ caption }) => caption),
    ...Object.keys(language.positions),
    ...Object.keys(language.sizes),
    ...language.plainColours.map((colour) => language.plainScene.replace('{colour}', colour)),
  ];
  const unknown = captions.flatMap((caption) => caption.split(' ')).find((word) => !vocabulary.has(word));
  if (unknown !== undefined) throw new Error(`${manifest.language}: the text encoder does not know "${unknown}"`);
  const stranger = manifest.variants.find((variant) => !(variant.look in language.looks));
  if (stranger) throw new Error(`${manifest.language}: no look "${stranger.look}", which ${stranger.modelId} needs`);
  const shade = Object.values(language.looks).find(({ within }) => within !== undefined && !(within in language.looks));
  if (shade) throw new Error(`${manifest.language}: no look "${shade.within}" for "${shade.caption}" to be within`);
  const dark = Object.values(language.scenes).find(({ lights }) => !lights.every((light) => language.scenes[light]?.isLight));
  if (dark) throw new Error(`${manifest.language}: "${dark.caption}" names a light that is none`);
  if (!(language.defaultScene in language.scenes)) throw new Error(`${manifest.language}: no scene "${language.defaultScene}"`);
}
