import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** What a manifest must say; weights are never read by those who only offer a model. */
export const plainManifest = {
  formatVersion: 1,
  pipeline: 'diffusers',
  version: '1.0',
  limits: { minSidePx: 64, maxSidePx: 1024, maxSteps: 60 },
  nativeSidePx: 512,
  pipelineFolder: 'weights',
  dtype: 'float16',
  picturesAtOnce: 1,
};

const leonardoId = (number: number) => `1e60896f-3c26-4296-8ecc-53e2afec${String(number).padStart(4, '0')}`;

/** A folder of models, each family with a manifest and a `model_index.json` that names its class; the first one is the default. */
export async function diffusersFolder(families: readonly { className: string; modelId: string; manifest?: object }[]): Promise<string> {
  const modelsDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-models-'));
  for (const [number, { className, modelId, manifest = {} }] of families.entries()) {
    const folder = path.join(modelsDir, modelId);
    await mkdir(path.join(folder, 'weights'), { recursive: true });
    const variant = {
      modelId,
      name: modelId,
      description: 'Tiny.',
      aliases: [],
      leonardoId: leonardoId(number),
      isDefault: number === 0,
      adapters: [],
    };
    await writeFile(path.join(folder, 'manifest.json'), JSON.stringify({ ...plainManifest, variants: [variant], ...manifest }));
    await writeFile(
      path.join(folder, 'weights', 'model_index.json'),
      JSON.stringify({ _class_name: className, _diffusers_version: '0.42.1' }),
    );
  }
  return modelsDir;
}
