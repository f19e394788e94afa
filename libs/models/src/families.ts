import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { DiffusersManifest } from './diffusers-manifest.js';
import { loadDiffusers } from './load-diffusers.js';
import { type Manifest, parseManifest } from './manifest.js';
import type { variantOfAny } from './manifest-entries.js';
import { parseFile } from './parse-file.js';
import { isServed, openAiServerSchema, predictionSchema, type ServedManifest } from './served-manifest.js';

/** The weights that come with Tessera. */
export const bundledModelsDir = path.resolve(import.meta.dirname, '../../../models');

/** A folder of weights, and how pictures are generated with them. */
export type OwnFamily = Manifest | DiffusersManifest;
/** Own weights, or a model that somebody else's server runs. */
export type Family = OwnFamily | ServedManifest;

export const isFlow = (family: Family): family is Manifest => family.pipeline === 'reference-conditioned-flow';

export const isOwn = (family: Family): family is OwnFamily => !isServed(family);

export const familyOf = <F extends Family>(families: readonly F[], modelId: string): F | undefined =>
  families.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));

/** For the log of whoever opens them: a diffusers family is offered for less than its weights may be able to. */
export const offeredForTextAlone = (families: readonly Family[]): readonly { readonly folder: string; readonly sentence: string }[] =>
  families.flatMap((family) =>
    isFlow(family) || isServed(family) || family.capabilities
      ? []
      : [
          {
            folder: family.folder,
            sentence: `the table of pipeline classes does not know ${family.pipelineClass ?? 'the class of these weights'}: it is offered for text to image only`,
          },
        ],
  );

/** A setting may name several folders of models, as PATH does: those that come with a release, and those that were added. */
export const modelFolders = (modelsDir: string): readonly string[] => modelsDir.split(path.delimiter).filter((folder) => folder !== '');

/** Every `<folder>/manifest.json` below the folders of models; together they name each id once, and one default or none. Throws a sentence for what is broken. */
export async function loadFamilies(modelsDir: string): Promise<readonly Family[]> {
  const families: Family[] = [];
  for (const folder of modelFolders(modelsDir)) families.push(...(await familiesIn(folder)));
  refuseAmbiguity(modelsDir, families);
  return withDefault(families);
}

/** Folders that were made for their models alone name no default: the first is as good as any. */
function withDefault(families: readonly Family[]): readonly Family[] {
  const [first, ...others] = families;
  if (!first || families.some(({ variants }) => variants.some(({ isDefault }) => isDefault))) return families;
  const variants = first.variants.map((variant, index) => ({ ...variant, isDefault: index === 0 }));
  return [{ ...first, variants } as Family, ...others];
}

/** Of one folder, whatever it lacks. A hidden folder is a model that is just being added or removed. */
export async function familiesIn(modelsDir: string): Promise<readonly Family[]> {
  const entries = await readdir(modelsDir, { recursive: false, withFileTypes: true }).catch((cause: unknown) => {
    throw new Error(`${modelsDir}: the folder of models cannot be read`, { cause });
  });
  const manifests: Family[] = [];
  for (const entry of entries
    .filter((each) => each.isDirectory() && !each.name.startsWith('.'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const manifestPath = path.join(modelsDir, entry.name, 'manifest.json');
    const json = await readFile(manifestPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (json !== undefined) manifests.push(await parseFamily(json, manifestPath));
  }
  return manifests;
}

async function parseFamily(json: string, manifestPath: string): Promise<Family> {
  const { pipeline } = parseFile(z.object({ pipeline: z.string() }), json, manifestPath);
  if (pipeline === 'openai-server') return { ...parseFile(openAiServerSchema, json, manifestPath), folder: path.dirname(manifestPath) };
  if (pipeline === 'prediction') return { ...parseFile(predictionSchema, json, manifestPath), folder: path.dirname(manifestPath) };
  return pipeline === 'diffusers' ? loadDiffusers(json, manifestPath) : parseManifest(json, manifestPath);
}

function refuseAmbiguity(modelsDir: string, manifests: readonly Family[]): void {
  const variants = manifests.flatMap<z.infer<typeof variantOfAny>>((manifest) => manifest.variants);
  if (variants.length === 0) throw new Error(`${modelsDir}: no folder in it holds a manifest.json`);
  const folders = new Set<string>();
  for (const name of manifests.map(({ folder }) => path.basename(folder))) {
    // What generates in another process knows a family by the name of its folder.
    if (folders.has(name)) throw new Error(`${modelsDir}: two folders are called "${name}"`);
    folders.add(name);
  }
  const seen = new Set<string>();
  for (const name of variants.flatMap(({ modelId, aliases, leonardoId }) => [modelId, ...aliases, leonardoId])) {
    if (seen.has(name)) throw new Error(`${modelsDir}: two models are called "${name}"`);
    seen.add(name);
  }
  const defaults = variants.filter((each) => each.isDefault);
  if (defaults.length > 1) throw new Error(`${modelsDir}: at most one model may be the default, ${defaults.length} are`);
}
