import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, installedOnce, runProgram } from './installations.js';
import type { TritonOptions } from './triton.js';

const installation = 'diffusers-0.42.1-torch-2.15.0-1';
const deployPython = path.resolve(import.meta.dirname, '../../../deploy/python');

/** torch without what it wants for a GPU, and what diffusers imports; numpy as Triton's python backend needs it. */
const torch = ['torch==2.15.0', 'accelerate==1.15.0', 'peft==0.21.2'];
const others = [
  'diffusers==0.42.1',
  'transformers==5.23.0',
  'safetensors==0.8.0',
  'pillow==13.0.0',
  'numpy==1.26.4',
  'sympy',
  'networkx',
  'jinja2',
  'typing_extensions',
  'psutil',
];

/** Two gigabytes, so they are fetched only when somebody asks for them. */
export const hasDiffusers = (): boolean => existsSync(path.join(cacheFolder(), installation));

/** torch and diffusers for a Triton without a GPU. */
export async function installDiffusers(): Promise<string> {
  return installedOnce(installation, async (folder) => {
    const packages = path.join(folder, 'packages');
    const pip = (...args: string[]) =>
      runProgram('python3', [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-warn-script-location',
        '--only-binary',
        ':all:',
        '--target',
        packages,
        ...args,
      ]);
    await pip('--no-deps', ...torch);
    await pip(...others);
  });
}

/** PyPI's torch is linked with libraries for a GPU, four gigabytes of them: empty ones do where there is none. */
export async function stubLibraries(): Promise<string> {
  const packages = path.join(await installDiffusers(), 'packages');
  return installedOnce('cuda-stubs-2', async (folder) => {
    await runProgram('python3', [path.join(deployPython, 'tests', 'stub_cuda.py'), packages, folder]);
  });
}

/** A Triton that can import them, with tiny SDXL and FLUX pipelines of random weights in `modelsDir`, which are made there. */
export async function withTinyPipelines(modelsDir: string): Promise<TritonOptions> {
  const folder = await installDiffusers();
  const packages = path.join(folder, 'packages');
  const libraries = await stubLibraries();
  await fs.mkdir(modelsDir, { recursive: true });
  await runProgram('python3', [path.join(deployPython, 'tests', 'tiny_pipelines.py'), modelsDir], {
    env: { PYTHONPATH: packages, LD_LIBRARY_PATH: libraries },
  });
  return { modelsDir, env: { TESSERA_TRITON_PACKAGES: packages }, libraries: [libraries] };
}
