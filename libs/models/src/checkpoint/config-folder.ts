import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { clipVocabulary } from './clip-tokenizer.js';

/** Settings of the architectures whose checkpoints are shared as one file: everything of a saved pipeline but its weights. */
const shipped = path.resolve(import.meta.dirname, '../../../../deploy/python/configs');
const shippedOf: Readonly<Record<string, string>> = { StableDiffusionPipeline: 'sd15', StableDiffusionXLPipeline: 'sdxl' };

export const hasShippedConfig = (pipelineClass: string): boolean => pipelineClass in shippedOf;

/** Writes the folder that a single file is loaded with: ours, or the settings of a saved pipeline of the same architecture. */
export async function writeConfigFolder(
  target: string,
  pipelineClass: string,
  given: string | undefined,
  predictsVelocity: boolean,
): Promise<void> {
  const name = shippedOf[pipelineClass];
  if (given !== undefined) await copyGiven(given, target);
  else if (name === undefined)
    throw new Error(
      `A ${pipelineClass} in one file needs the settings, tokenizers and encoders of its architecture: give the folder of such a model with --config.`,
    );
  else await writeShipped(name, target);
  if (predictsVelocity) await setPrediction(path.join(target, 'scheduler', 'scheduler_config.json'));
}

async function copyGiven(given: string, target: string): Promise<void> {
  await readFile(path.join(given, 'model_index.json')).catch((cause: unknown) => {
    throw new Error(`${given} holds no model_index.json: --config takes the folder of a saved pipeline.`, { cause });
  });
  await cp(given, target, { recursive: true, dereference: true });
}

async function writeShipped(name: string, target: string): Promise<void> {
  await cp(path.join(shipped, name), target, { recursive: true });
  const merges = path.join(shipped, 'clip-tokenizer', 'merges.txt');
  const vocabulary = JSON.stringify(await clipVocabulary(merges));
  const index = JSON.parse(await readFile(path.join(target, 'model_index.json'), 'utf8')) as Record<string, unknown>;
  for (const tokenizer of ['tokenizer', 'tokenizer_2'].filter((each) => each in index)) {
    await mkdir(path.join(target, tokenizer), { recursive: true });
    await cp(merges, path.join(target, tokenizer, 'merges.txt'));
    await writeFile(path.join(target, tokenizer, 'vocab.json'), vocabulary);
  }
}

/** Models with zero terminal SNR were trained so, too; every public one with `v_pred` was. */
async function setPrediction(file: string): Promise<void> {
  const settings = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await rm(file);
  await writeFile(
    file,
    `${JSON.stringify({ ...settings, prediction_type: 'v_prediction', rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }, undefined, 2)}\n`,
  );
}
