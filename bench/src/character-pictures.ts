import { existsSync } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DiffusionEngine, GuidanceInput } from '@tessera/inference/diffusion-engine.js';
import { bundledModelsDir } from '@tessera/models/families.js';
import sharp from 'sharp';

export type Subject = { readonly name: string; readonly references: readonly Uint8Array[]; readonly scenes: readonly Uint8Array[] };

const sidePx = 512;
const steps = 8;
/** What pictures of a character have in common is the character, not the noise: every scene has a seed of its own. */
const firstSeed = 1_100;

/** The pictures of the bank in Mosaic's 3D look, by name, as transparent PNGs. */
async function bankPicture(name: string): Promise<Uint8Array> {
  const folder = path.join(bundledModelsDir, 'mosaic/concepts');
  const bank: {
    words: Record<string, number>;
    concepts: { offset: Record<string, number>; bytes: Record<string, number> }[];
  } = JSON.parse(await readFile(path.join(folder, 'concepts.json'), 'utf8'));
  const entry = bank.concepts[bank.words[name] ?? -1];
  if (!entry) throw new Error(`The bank has no "${name}".`);
  const file = await open(path.join(folder, '3d.bin'));
  try {
    const { buffer } = await file.read(Buffer.alloc(entry.bytes['3d'] ?? 0), 0, entry.bytes['3d'] ?? 0, entry.offset['3d'] ?? 0);
    return new Uint8Array(await sharp(buffer).png().toBuffer());
  } finally {
    await file.close();
  }
}

/** Two references of each, upright and turned, and a picture of it in each scene; pictures lie in `folder`, and are generated where they are missing. */
export async function subjectsIn(
  engine: DiffusionEngine,
  folder: string,
  names: readonly string[],
  scenes: readonly string[],
): Promise<Subject[]> {
  await mkdir(folder, { recursive: true });
  const subjects: Subject[] = [];
  for (const name of names) {
    const upright = await bankPicture(name);
    const turned = await sharp(upright)
      .rotate(14, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .png()
      .toBuffer();
    const references = [upright, new Uint8Array(turned)];
    const pictures: Uint8Array[] = [];
    for (const [number, scene] of scenes.entries()) {
      const file = path.join(folder, `${name} ${scene}.png`);
      if (!existsSync(file)) await writeFile(file, await generated(engine, scene, references, firstSeed + number));
      pictures.push(await readFile(file));
    }
    subjects.push({ name, references, scenes: pictures });
  }
  return subjects;
}

async function generated(engine: DiffusionEngine, scene: string, references: readonly Uint8Array[], seed: number): Promise<Uint8Array> {
  const guidance = references.map((bytes): GuidanceInput => ({ kind: 'character', bytes, strength: 1, subject: 'Zorblax' }));
  const request = { requestId: scene, prompt: `Zorblax ${scene}`, negativePrompt: '', seed, images: 1, style: 'NONE', guidance };
  const batch = {
    modelId: 'mosaic-3d',
    widthPx: sidePx,
    heightPx: sidePx,
    steps,
    guidanceScale: 7,
    previewEverySteps: 0,
    requests: [request],
  };
  for await (const update of engine.generate(batch, new AbortController().signal)) if (update.type === 'image') return update.image.bytes;
  throw new Error(`No picture of "${scene}" came.`);
}
