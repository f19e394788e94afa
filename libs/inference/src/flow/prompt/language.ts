import { z } from 'zod';

const words = z.array(z.string().min(1));

/** `hue` in turns; absent keeps the hue. Saturation and value become `scale * x + offset`. */
const colourShift = z.strictObject({
  hue: z.number().min(0).max(1).optional(),
  saturation: z.strictObject({ scale: z.number(), offset: z.number() }),
  value: z.strictObject({ scale: z.number(), offset: z.number() }),
});
export type ColourShift = z.infer<typeof colourShift>;

/** What a model's captions can say, and the everyday words for each of it. Captions are written in words of the text encoder's vocabulary. */
export const languageSchema = z.strictObject({
  articles: words,
  /** Words between things: they end a noun phrase. */
  joints: words,
  /**
   * How two things stand to each other, by the words of the caption between them. `isSwapped`: the caption names the second thing first.
   * `overlap`: the first stands on the second, which hides this share of its own height of it.
   * `aside`: the second stands this share of the picture's width to the left or the right of the first, so that it does not hide it.
   */
  relations: z.array(
    z.strictObject({
      caption: z.string().min(1),
      isSwapped: z.boolean().default(false),
      overlap: z.number().min(0).max(1).optional(),
      aside: z.number().min(0).max(0.5).optional(),
      words,
    }),
  ),
  counts: z.record(z.string(), z.int().min(2)),
  /** Read without a notice: they ask for what every picture has, or for nothing that a picture shows. */
  ignored: words,
  /** Style variants. `within`: a shade of another one; it shows things by that one's pictures, and a prompt can ask for it only there. */
  looks: z.record(z.string(), z.strictObject({ caption: z.string(), isFlat: z.boolean(), within: z.string().optional(), words })),
  colours: z.record(z.string(), words),
  /** How a thing takes a colour on; see `recolour.ts`. A colour that is not here is for plain backgrounds only. */
  paints: z.record(z.string(), colourShift),
  sizes: z.record(z.string(), words),
  /** Captions with more things than this say no sizes: the text encoder never read such. */
  sizedThings: z.int().positive().default(1),
  positions: z.record(z.string(), words),
  backgroundWords: words,
  /** The colours that the text encoder knows as backgrounds. */
  plainColours: words,
  /** Caption of a plain background; `{colour}` is replaced. */
  plainScene: z.string().includes('{colour}'),
  /** Generated when a prompt names nothing that the model knows. */
  defaultScene: z.string(),
  /** `lights` are the scenes (`isLight`) whose captions may follow this one's. */
  scenes: z.record(
    z.string(),
    z.strictObject({ caption: z.string(), isLight: z.boolean().default(false), lights: z.array(z.string()).default([]), words }),
  ),
  /** Captions for two scenes at once that are more than one after the other. */
  blends: z.array(z.strictObject({ scenes: z.tuple([z.string(), z.string()]), caption: z.string() })),
  irregularPlurals: z.record(z.string(), z.string()),
});

export type Language = z.infer<typeof languageSchema>;

export type Relation = Omit<Language['relations'][number], 'words'>;

/** What a word, or several in a row, does in a prompt. */
export type Meaning =
  /** Without a number: a thing that has no picture in the bank, but a name in the request. */
  | { readonly type: 'concept'; readonly concept: number | undefined }
  | { readonly type: 'colour'; readonly colour: string }
  | { readonly type: 'size'; readonly size: string }
  | { readonly type: 'position'; readonly position: string }
  | { readonly type: 'scene'; readonly scene: string }
  | { readonly type: 'plainScene'; readonly colour: string }
  | { readonly type: 'styleVariant'; readonly styleVariant: string }
  | { readonly type: 'count'; readonly count: number }
  | { readonly type: 'relation'; readonly relation: Relation }
  | { readonly type: 'article' | 'joint' | 'ignored' };

/** The words of the grammar; where two entries claim a phrase, the one that says more about the picture wins. */
export function grammarOf(language: Language): ReadonlyMap<string, Meaning> {
  const grammar = new Map<string, Meaning>();
  const claim = (phrases: readonly string[], meaning: Meaning) => {
    for (const phrase of phrases) grammar.set(phrase, meaning);
  };
  claim(language.ignored, { type: 'ignored' });
  claim(language.joints, { type: 'joint' });
  for (const { words: phrases, ...relation } of language.relations) claim(phrases, { type: 'relation', relation });
  claim(language.articles, { type: 'article' });
  for (const [count, value] of Object.entries(language.counts)) claim([count], { type: 'count', count: value });
  for (const [scene, entry] of Object.entries(language.scenes)) claim(entry.words, { type: 'scene', scene });
  for (const [size, synonyms] of Object.entries(language.sizes)) claim([size, ...synonyms], { type: 'size', size });
  for (const [position, synonyms] of Object.entries(language.positions)) claim([position, ...synonyms], { type: 'position', position });
  for (const [styleVariant, entry] of Object.entries(language.looks)) claim(entry.words, { type: 'styleVariant', styleVariant });
  for (const [colour, synonyms] of Object.entries(language.colours)) {
    for (const name of [colour, ...synonyms]) {
      claim([name], { type: 'colour', colour });
      if (language.plainColours.includes(colour))
        claim(
          language.backgroundWords.flatMap((background) => [`${name} ${background}`, `plain ${name} ${background}`]),
          { type: 'plainScene', colour },
        );
    }
  }
  return grammar;
}
