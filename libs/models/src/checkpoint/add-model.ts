import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { diffusersSchema } from '../diffusers-manifest.js';
import { parseFile } from '../parse-file.js';
import { type PipelineClass, pipelineClassOf } from '../pipeline-classes.js';
import { hasShippedConfig, writeConfigFolder } from './config-folder.js';
import { recogniseFile } from './recognise-file.js';
import { recogniseFolder } from './recognise-folder.js';
import { readSafetensorsHeader } from './safetensors-header.js';
import { digestOf, placeFile, type WeightFile, weightFilesOf } from './weight-files.js';

export type AddModelOptions = {
  /** A folder that diffusers has saved, one of the hub's cache, or a `.safetensors` file. */
  readonly from: string;
  /** The folder of models; made if it is not there. */
  readonly modelsDir: string;
  /** Lower-case id; absent: from the name. */
  readonly modelId?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly license?: string | undefined;
  readonly source?: string | undefined;
  readonly aliases?: readonly string[];
  readonly leonardoId?: string | undefined;
  /** Where a file alone does not tell, for example `FluxKontextPipeline`, whose keys are those of FLUX. */
  readonly pipelineClass?: string | undefined;
  /** A saved pipeline whose settings a single file is loaded with. */
  readonly config?: string | undefined;
  /** Absent: half precision, of the kind that the architecture was trained in. */
  readonly dtype?: 'float32' | 'float16' | 'bfloat16' | undefined;
  /** Whether another model goes by this id, alias or Leonardo id. */
  readonly isTaken: (name: string) => boolean;
  readonly nativeSidePx?: number | undefined;
  readonly maxSidePx?: number | undefined;
  /** Links to the weights instead of copying them; they must then stay where they are. */
  readonly isLinked: boolean;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
};

export type AddedModel = {
  readonly modelId: string;
  readonly folder: string;
  readonly pipelineClass: string;
  readonly license: string;
  readonly source: string;
  readonly sizeBytes: number;
  readonly nativeSidePx: number;
};

type Found = {
  readonly pipelineClass: string;
  readonly files: readonly WeightFile[];
  readonly license?: string | undefined;
  readonly source?: string | undefined;
  readonly title?: string | undefined;
  /** Of a single file. */
  readonly predictsVelocity?: boolean;
};

const nativeSideOf: Readonly<Record<string, number>> = { sd15: 512 };
const minSideMultiple = 256;
const singleFile = 'model.safetensors';

/** Makes a family of a checkpoint: recognised, its licence and origin recorded, in a folder that appears whole or not at all. Throws a sentence for what cannot be served. */
export async function addModel(options: AddModelOptions): Promise<AddedModel> {
  const found = await find(options);
  const pipelineClass = options.pipelineClass ?? found.pipelineClass;
  const table = pipelineClassOf(pipelineClass);
  if (!table) throw new Error(`${options.from} is a ${pipelineClass}, which is not served yet: see the table in deploy/python/README.md.`);
  const isSingle = found.predictsVelocity !== undefined;
  if (isSingle && !table.singleFile) throw new Error(`A ${pipelineClass} is loaded from its folder, not from one file: add the folder.`);
  const license = options.license ?? found.license;
  if (!license)
    throw new Error(
      `Nothing in ${options.from} says under which licence it may be used: name it with --license, for example --license openrail++.`,
    );
  const name = options.name ?? found.title ?? path.basename(options.from).replace(/\.safetensors$/, '');
  const modelId = options.modelId ?? idOf(name);
  const taken = [modelId, ...(options.aliases ?? []), ...(options.leonardoId === undefined ? [] : [options.leonardoId])].find(
    options.isTaken,
  );
  if (taken !== undefined) throw new Error(`There is a model called "${taken}" already: choose another name, or remove that model first.`);
  const folder = path.join(options.modelsDir, modelId);
  if (await stat(folder).catch(() => undefined))
    throw new Error(`${folder} is there already: choose another name with --id, or remove that model first.`);
  const sizeBytes = found.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const nativeSidePx = options.nativeSidePx ?? nativeSideOf[table.family] ?? 1024;
  const source = options.source ?? found.source ?? path.basename(options.from);
  const staging = path.join(options.modelsDir, `.${modelId}.${randomUUID()}`);
  try {
    const version = await place(options, found, staging, pipelineClass, sizeBytes);
    const manifest = manifestOf(options, { pipelineClass, table, license, source, name, modelId, nativeSidePx, version, isSingle });
    const json = `${JSON.stringify(manifest, undefined, 2)}\n`;
    parseFile(diffusersSchema, json, path.join(folder, 'manifest.json'));
    await writeFile(path.join(staging, 'manifest.json'), json);
    await rename(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return { modelId, folder, pipelineClass, license, source, sizeBytes, nativeSidePx };
}

async function find({ from, config, pipelineClass }: AddModelOptions): Promise<Found> {
  const stats = await stat(from).catch(() => undefined);
  if (!stats) throw new Error(`There is no ${from}.`);
  if (stats.isDirectory()) {
    const { folder, ...found } = await recogniseFolder(from);
    return { ...found, files: await weightFilesOf(folder) };
  }
  if (!from.endsWith('.safetensors'))
    throw new Error(
      `${from} is no .safetensors file. Pickled checkpoints (.ckpt, .pt, .bin) can run code when they are loaded and are not taken: convert it where you trust it.`,
    );
  const header = await readSafetensorsHeader(from);
  const recognised = recogniseFile(header);
  if (recognised.kind === 'refused') throw new Error(`${from} is ${recognised.sentence}.`);
  if (recognised.kind === 'adapter') throw new Error(`${from} is an adapter (LoRA), not a model: say to which model it belongs with --to.`);
  const name = pipelineClass ?? recognised.pipelineClass;
  if (hasShippedConfig(name) && config === undefined && !(recognised.hasTextEncoders && recognised.hasVae))
    throw new Error(
      `${from} lacks its ${recognised.hasVae ? 'text encoders' : 'VAE'}: give the folder of a model of its architecture, which has them, with --config.`,
    );
  return {
    pipelineClass: recognised.pipelineClass,
    predictsVelocity: recognised.predictsVelocity,
    files: [{ from, to: singleFile, sizeBytes: stats.size }],
    license: header.metadata['modelspec.license'],
    title: header.metadata['modelspec.title'],
  };
}

/** Answers the version, which changes with any byte of the weights. */
async function place(options: AddModelOptions, found: Found, staging: string, pipelineClass: string, sizeBytes: number): Promise<string> {
  await mkdir(staging, { recursive: true });
  let done = 0;
  const digest = await digestOf(found.files, (count) => options.onProgress?.((done += count), sizeBytes));
  const weights = path.join(staging, found.predictsVelocity === undefined ? 'weights' : '');
  for (const file of found.files) await placeFile(file, weights, options.isLinked);
  if (found.predictsVelocity !== undefined)
    await writeConfigFolder(path.join(staging, 'config'), pipelineClass, options.config, found.predictsVelocity);
  return digest.slice(0, 12);
}

function manifestOf(
  { description, aliases = [], leonardoId, dtype, maxSidePx }: AddModelOptions,
  facts: {
    readonly pipelineClass: string;
    readonly table: PipelineClass;
    readonly license: string;
    readonly source: string;
    readonly name: string;
    readonly modelId: string;
    readonly nativeSidePx: number;
    readonly version: string;
    readonly isSingle: boolean;
  },
): object {
  const { pipelineClass, table, license, source, name, modelId, nativeSidePx, version, isSingle } = facts;
  return {
    formatVersion: 1,
    pipeline: 'diffusers',
    version,
    license,
    source,
    variants: [
      {
        modelId,
        name,
        description: description ?? `${name} (${table.family}, ${license})`,
        aliases,
        leonardoId: leonardoId ?? randomUUID(),
        isDefault: false,
        adapters: [],
      },
    ],
    limits: {
      minSidePx: Math.min(minSideMultiple, nativeSidePx),
      maxSidePx: maxSidePx ?? 2 * nativeSidePx,
      defaultSteps: table.defaultSteps,
      maxSteps: 100,
      defaultGuidanceScale: table.defaultGuidanceScale,
    },
    nativeSidePx,
    ...(isSingle ? { singleFile, configFolder: 'config', pipelineClass } : { pipelineFolder: 'weights' }),
    dtype: dtype ?? (['sd15', 'sdxl'].includes(table.family) ? 'float16' : 'bfloat16'),
    picturesAtOnce: 1,
  };
}

export function idOf(name: string): string {
  const id = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 63);
  if (id === '') throw new Error(`No id can be made of the name "${name}": give one with --id.`);
  return id;
}
