import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { parseFile } from '@tessera/models/parse-file.js';
import type { ColourShift } from '../prompt/language.js';
import { recolour } from './recolour.js';
import { type Reference, referencePlanes } from './reference.js';

/** Decoded references; 150 KB each, and a busy server sees the same common things again and again. */
const cachedReferencesMax = 64;

const perStyleVariant = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value);
const schema = z.strictObject({
  sidePx: z.int().positive(),
  references: perStyleVariant(z.string().min(1)),
  concepts: z.array(
    z.strictObject({
      name: z.string().min(1),
      /** Hangs in the air by nature: the layout does not put it on the ground. */
      floats: z.boolean().default(false),
      /** False for what is lettered or means something by its side. */
      canMirror: z.boolean().default(true),
      /** Width and height of the opaque part, relative to the longer side. */
      aspect: perStyleVariant(z.tuple([z.number().positive(), z.number().positive()])),
      offset: perStyleVariant(z.int().min(0)),
      bytes: perStyleVariant(z.int().positive()),
    }),
  ),
  words: z.record(z.string(), z.int().min(0)),
});

/** Pictures of things, and the words that mean them. */
export class ConceptBank {
  readonly #cache = new Map<string, Reference>();

  private constructor(
    private readonly folder: string,
    private readonly content: z.infer<typeof schema>,
  ) {}

  static async load(conceptsPath: string): Promise<ConceptBank> {
    return new ConceptBank(path.dirname(conceptsPath), parseFile(schema, await readFile(conceptsPath, 'utf8'), conceptsPath));
  }

  get sidePx(): number {
    return this.content.sidePx;
  }

  get words(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.content.words));
  }

  nameOf(concept: number): string {
    return this.content.concepts[concept]?.name ?? '';
  }

  async reference(concept: number, styleVariant: string, shift: ColourShift | undefined): Promise<Reference> {
    const key = JSON.stringify([styleVariant, concept, shift]);
    const cached = this.#cache.get(key);
    if (cached) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return cached;
    }
    const reference = await this.#load(concept, styleVariant, shift);
    this.#cache.set(key, reference);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > cachedReferencesMax && oldest !== undefined) this.#cache.delete(oldest);
    return reference;
  }

  async #load(concept: number, styleVariant: string, shift: ColourShift | undefined): Promise<Reference> {
    const entry = this.content.concepts[concept];
    const fileName = this.content.references[styleVariant];
    const [aspectWidth, aspectHeight] = entry?.aspect[styleVariant] ?? [];
    if (!entry || fileName === undefined || aspectWidth === undefined || aspectHeight === undefined)
      throw new Error(`The concept bank has no picture ${concept} in the styleVariant "${styleVariant}"`);
    const webp = await this.#read(fileName, entry.offset[styleVariant] ?? 0, entry.bytes[styleVariant] ?? 0);
    const decoded = await sharp(webp).ensureAlpha().raw().toBuffer();
    const pixels = shift ? recolour(decoded, shift) : decoded;
    return { planes: referencePlanes(pixels, this.sidePx), aspectWidth, aspectHeight, floats: entry.floats, canMirror: entry.canMirror };
  }

  async #read(fileName: string, offset: number, bytes: number): Promise<Buffer> {
    const file = await open(path.join(this.folder, fileName));
    try {
      const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
      return buffer;
    } finally {
      await file.close();
    }
  }
}
