import { z } from 'zod';

const words = z.array(z.string().min(1));

/** `hue` in turns; absent keeps the hue. Saturation and value become `scale * x + offset`. */
const paintSchema = z.strictObject({
  hue: z.number().min(0).max(1).optional(),
  saturation: z.strictObject({ scale: z.number(), offset: z.number() }),
  value: z.strictObject({ scale: z.number(), offset: z.number() }),
});
export type Paint = z.infer<typeof paintSchema>;

/** What a model's captions can say, and the everyday words for each of it. Captions are written in words of the text encoder's vocabulary. */
export const languageSchema = z.strictObject({
  articles: words,
  /** Words between things: they end a noun phrase. */
  joints: words,
  /** "a cat to the right of a dog": the thing named first stands on the right. */
  swaps: words,
  counts: z.record(z.string(), z.int().min(2)),
  /** Read without a notice: they ask for what every picture has, or for nothing that a picture shows. */
  ignored: words,
  looks: z.record(z.string(), z.strictObject({ caption: z.string(), isFlat: z.boolean(), words })),
  colours: z.record(z.string(), words),
  /** How a thing takes a colour on; see `recolour.ts`. A colour that is not here is for plain backgrounds only. */
  paints: z.record(z.string(), paintSchema),
  sizes: z.record(z.string(), words),
  positions: z.record(z.string(), words),
  backgroundWords: words,
  /** The colours that the text encoder knows as backgrounds. */
  plainColours: words,
  /** Caption of a plain background; `{colour}` is replaced. */
  plainScene: z.string().includes('{colour}'),
  /** Painted when a prompt names nothing that the model knows. */
  defaultScene: z.string(),
  scenes: z.record(z.string(), z.strictObject({ caption: z.string(), isLight: z.boolean().default(false), words })),
  /** Captions for two scenes at once, where the model makes both of them: it was not trained on any. */
  blends: z.array(z.strictObject({ scenes: z.tuple([z.string(), z.string()]), caption: z.string() })),
  irregularPlurals: z.record(z.string(), z.string()),
});

export type Language = z.infer<typeof languageSchema>;

/** What a word, or several in a row, does in a prompt. */
export type Meaning =
  | { readonly type: 'concept'; readonly concept: number }
  | { readonly type: 'colour'; readonly colour: string }
  | { readonly type: 'size'; readonly size: string }
  | { readonly type: 'position'; readonly position: string }
  | { readonly type: 'scene'; readonly scene: string }
  | { readonly type: 'plainScene'; readonly colour: string }
  | { readonly type: 'look'; readonly look: string }
  | { readonly type: 'count'; readonly count: number }
  | { readonly type: 'article' | 'joint' | 'swap' | 'ignored' };

/** The words of the grammar; where two entries claim a phrase, the one that says more about the picture wins. */
export function grammarOf(language: Language): ReadonlyMap<string, Meaning> {
  const grammar = new Map<string, Meaning>();
  const claim = (phrases: readonly string[], meaning: Meaning) => {
    for (const phrase of phrases) grammar.set(phrase, meaning);
  };
  claim(language.ignored, { type: 'ignored' });
  claim(language.joints, { type: 'joint' });
  claim(language.swaps, { type: 'swap' });
  claim(language.articles, { type: 'article' });
  for (const [count, value] of Object.entries(language.counts)) claim([count], { type: 'count', count: value });
  for (const [scene, entry] of Object.entries(language.scenes)) claim(entry.words, { type: 'scene', scene });
  for (const [size, synonyms] of Object.entries(language.sizes)) claim([size, ...synonyms], { type: 'size', size });
  for (const [position, synonyms] of Object.entries(language.positions)) claim([position, ...synonyms], { type: 'position', position });
  for (const [look, entry] of Object.entries(language.looks)) claim(entry.words, { type: 'look', look });
  for (const [colour, synonyms] of Object.entries(language.colours)) {
    for (const name of [colour, ...synonyms]) {
      claim([name], { type: 'colour', colour });
      if (language.plainColours.includes(colour)) claim(language.backgroundWords.flatMap((background) => [`${name} ${background}`, `plain ${name} ${background}`]), { type: 'plainScene', colour });
    }
  }
  return grammar;
}
