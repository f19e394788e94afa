import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type DiffusersManifest, diffusersSchema } from './diffusers-manifest.js';
import { parseFile } from './parse-file.js';
import { pipelineClassOf } from './pipeline-classes.js';

const modelIndex = z.object({ _class_name: z.string().min(1) });

/** Reads the manifest of a diffusers family, and from its weights which class they are for. Throws a sentence that names the file and the entry. */
export async function loadDiffusers(json: string, manifestPath: string): Promise<DiffusersManifest> {
  const read = parseFile(diffusersSchema, json, manifestPath);
  const refuse = (sentence: string) => new Error(`${manifestPath}: ${sentence}`);
  const folder = path.dirname(manifestPath);
  const { singleFile, configFolder, pipelineFolder } = read;
  if ((singleFile === undefined) === (pipelineFolder === undefined)) throw refuse('it names either pipelineFolder or singleFile');
  if (singleFile !== undefined && (configFolder === undefined || read.pipelineClass === undefined))
    throw refuse('singleFile needs configFolder and pipelineClass beside it');
  const found = pipelineFolder === undefined ? undefined : await classIn(path.join(folder, pipelineFolder, 'model_index.json'));
  if (found !== undefined && read.pipelineClass !== undefined && found !== read.pipelineClass)
    throw refuse(`pipelineClass is ${read.pipelineClass}, but ${pipelineFolder}/model_index.json says ${found}`);
  const pipelineClass = read.pipelineClass ?? found;
  const capabilities = pipelineClassOf(pipelineClass);
  const defaultSteps = read.limits.defaultSteps ?? capabilities?.defaultSteps;
  const defaultGuidanceScale = read.limits.defaultGuidanceScale ?? capabilities?.defaultGuidanceScale;
  if (defaultSteps === undefined || defaultGuidanceScale === undefined)
    throw refuse(
      `limits needs defaultSteps and defaultGuidanceScale: the table of pipeline classes does not know ${pipelineClass ?? 'the class of these weights'}`,
    );
  const manifest = { ...read, folder, pipelineClass, capabilities, limits: { ...read.limits, defaultSteps, defaultGuidanceScale } };
  const useless = capabilities && uselessEntry(manifest);
  if (useless) throw refuse(useless);
  return manifest;
}

/** Weights that are named and could never act would be missed only by the one who asks for them. */
function uselessEntry({
  pipelineClass,
  capabilities,
  controlNets,
  ipAdapters,
  adapterFiles,
  singleFile,
}: DiffusersManifest): string | undefined {
  if (!capabilities) return undefined;
  const { control, references, lora } = capabilities;
  const stranger =
    controlNets.flatMap(({ kinds }) => kinds).find((kind) => !control.includes(kind)) ??
    ipAdapters.flatMap(({ kinds }) => kinds).find((kind) => !references.includes(kind));
  if (stranger !== undefined) return `${pipelineClass} cannot be guided by pictures of the kind "${stranger}" in this way`;
  if (adapterFiles && !lora) return `adapterFiles: ${pipelineClass} takes no adapters`;
  if (singleFile !== undefined && !capabilities.singleFile) return `singleFile: ${pipelineClass} loads from a folder only (pipelineFolder)`;
  return undefined;
}

/** Services that only offer models may have the manifests without the weights. */
async function classIn(indexPath: string): Promise<string | undefined> {
  const json = await readFile(indexPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  return json === undefined ? undefined : parseFile(modelIndex, json, indexPath)._class_name;
}
