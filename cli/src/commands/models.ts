import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { addAdapter } from '@tessera/models/checkpoint/add-adapter.js';
import { type AddModelOptions, addModel, idOf } from '@tessera/models/checkpoint/add-model.js';
import { familiesIn, type Family, familyOf, isFlow, modelFolders } from '@tessera/models/families.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { addedModelsFolder, dataFolder, modelsFolder, modelsSetting } from '../places.js';
import { formatBytes, table } from '../texts.js';

type Options = { readonly models?: string; readonly data?: string; readonly json?: boolean };
type AddOptions = Options & {
  readonly id?: string;
  readonly name?: string;
  readonly description?: string;
  readonly license?: string;
  readonly source?: string;
  readonly alias: readonly string[];
  readonly leonardoId?: string;
  readonly class?: string;
  readonly config?: string;
  readonly dtype?: string;
  readonly side?: string;
  readonly maxSide?: string;
  readonly link?: boolean;
  readonly to?: string;
};

const dtypes = ['float32', 'float16', 'bfloat16'] as const;

/** Where models are added; the folder that comes with Tessera belongs to its releases. */
function target({ models, data }: Options): string {
  if (models !== undefined) return path.resolve(models);
  const last = modelFolders(modelsSetting(dataFolder(data))).at(-1);
  return last === undefined || path.resolve(last) === modelsFolder ? addedModelsFolder(dataFolder(data)) : path.resolve(last);
}

const known = async ({ models, data }: Options): Promise<readonly Family[]> => {
  const setting = modelsSetting(dataFolder(data));
  const folders = [...modelFolders(setting), ...(models === undefined ? [] : [path.resolve(models)])];
  return (await Promise.all([...new Set(folders)].filter((folder) => existsSync(folder)).map(familiesIn))).flat();
};

export async function listModels(options: Options): Promise<void> {
  const rows = (await known(options)).flatMap((family) =>
    family.variants.map(({ modelId, name }) => ({
      modelId,
      name,
      pipeline: isFlow(family) ? family.pipeline : ('pipelineClass' in family && family.pipelineClass) || family.pipeline,
      license: ('license' in family && family.license) || '',
      source: ('source' in family && family.source) || '',
      version: family.version,
      folder: family.folder,
    })),
  );
  process.stdout.write(
    options.json
      ? `${JSON.stringify(rows)}\n`
      : `${table([
          ['ID', 'NAME', 'PIPELINE', 'LICENSE', 'SOURCE', 'FOLDER'],
          ...rows.map((row) => [row.modelId, row.name, row.pipeline, row.license || '-', row.source || '-', row.folder]),
        ])}\n`,
  );
}

export async function add(from: string, options: AddOptions): Promise<void> {
  const given = path.resolve(from);
  await refusing(async () => (options.to === undefined ? addCheckpoint(given, options) : addAdapterTo(options.to, given, options)));
}

async function addCheckpoint(from: string, options: AddOptions): Promise<void> {
  const families = await known(options);
  const added = await addModel({
    ...optionsOf(from, options),
    isTaken: (name) =>
      families.some(({ variants }) =>
        variants.some(({ modelId, aliases, leonardoId }) => [modelId, leonardoId, ...aliases].includes(name)),
      ),
    ...(process.stderr.isTTY ? { onProgress: progressLine() } : {}),
  });
  const { modelId, folder, pipelineClass, license, source, sizeBytes, nativeSidePx } = added;
  process.stdout.write(
    options.json
      ? `${JSON.stringify(added)}\n`
      : `${modelId}: ${pipelineClass}, ${formatBytes(sizeBytes)}, ${nativeSidePx} px, licence ${license}, from ${source}
${folder}

Generate with it:  tessera up --engine python
                   tessera generate "a red fox" --model ${modelId}
Its price is that of every model that the price list does not name: tessera catalogue show > prices.json, add "${modelId}" to compute.milliTokensByModel.
`,
  );
}

async function addAdapterTo(modelId: string, from: string, options: AddOptions): Promise<void> {
  const family = familyOf(await known(options), modelId);
  if (!family || family.pipeline !== 'diffusers')
    throw new Error(`There is no diffusers model "${modelId}" that an adapter could be added to: see tessera models list.`);
  const adapterId = options.id ?? idOf(path.basename(from).replace(/\.safetensors$/, ''));
  await addAdapter(from, family, adapterId);
  process.stdout.write(
    options.json ? `${JSON.stringify({ modelId, adapterId })}\n` : `${adapterId}: an adapter of ${modelId}; requests name it by this id\n`,
  );
}

function optionsOf(from: string, options: AddOptions): Omit<AddModelOptions, 'isTaken'> {
  const { id, name, description, license, source, alias, leonardoId, config, dtype, link = false } = options;
  const wanted = dtypes.find((each) => each === dtype);
  if (dtype !== undefined && !wanted) throw new Error(`--dtype must be one of ${dtypes.join(', ')}, not "${dtype}".`);
  return {
    from,
    modelsDir: target(options),
    modelId: id,
    name,
    description,
    license,
    source,
    aliases: alias,
    leonardoId,
    pipelineClass: options.class,
    config: config === undefined ? undefined : path.resolve(config),
    dtype: wanted,
    nativeSidePx: pixels('--side', options.side),
    maxSidePx: pixels('--max-side', options.maxSide),
    isLinked: link,
  };
}

function pixels(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const side = Number(text);
  if (!Number.isInteger(side) || side < 64 || side % 8 !== 0) throw new Error(`${option} must be a multiple of 8 from 64 on, not ${text}.`);
  return side;
}

export async function removeModel(modelId: string, options: Options): Promise<void> {
  await refusing(async () => {
    const family = familyOf(await known(options), modelId);
    if (!family) throw new Error(`There is no model "${modelId}": see tessera models list.`);
    if (path.dirname(path.resolve(family.folder)) === modelsFolder) throw new Error(`${modelId} comes with Tessera and is not removed.`);
    if (family.variants.length > 1)
      throw new Error(`${family.folder} holds ${family.variants.length} models: take this one out of its manifest.json.`);
    // In one step, or a server that starts meanwhile would find half of it.
    const gone = path.join(path.dirname(family.folder), `.${path.basename(family.folder)}.removed`);
    await rename(family.folder, gone);
    await rm(gone, { recursive: true, force: true });
    process.stdout.write(`removed ${modelId}; a server that runs keeps it until it is started again\n`);
  });
}

/** What cannot be added is the caller's mistake, and is told in a sentence. */
async function refusing(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(error instanceof Error ? error.message : String(error), exitCodes.refused);
  }
}

function progressLine(): (doneBytes: number, totalBytes: number) => void {
  let lastPercent = -1;
  return (doneBytes, totalBytes) => {
    const percent = Math.floor((100 * doneBytes) / Math.max(1, totalBytes));
    if (percent === lastPercent) return;
    lastPercent = percent;
    process.stderr.write(`\rreading ${percent} %${percent === 100 ? '\n' : ''}`);
  };
}
