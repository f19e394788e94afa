import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DiffusionEngine, GenerateBatch } from '@tessera/inference/diffusion-engine.js';
import { openEngine } from '@tessera/inference/open-engine.js';
import { createLogger } from '@tessera/platform/logger.js';
import { pythonPackages } from '@tessera/servers/python-packages.js';

/**
 * What the engine `python` adds to the time that a pipeline takes: the Python package as the worker starts it, with pipelines that sleep (`bench/python/sleeping.py`).
 * One batch at a time, a picture is late by whatever comes before and after its pipeline. Two at a time, as the worker has them, that happens while the other one is asleep,
 * and what remains is the time in which a GPU would have nothing to do.
 */

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    pictures: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '2' },
    side: { type: 'string', default: '1024' },
  },
});
const [pictures, seconds, sidePx] = [Number(values.pictures), Number(values.seconds), Number(values.side)];
if (!(Number.isInteger(pictures) && pictures >= 2 && seconds > 0 && Number.isInteger(sidePx) && sidePx >= 64 && sidePx <= 1536)) {
  process.stderr.write('usage: tessera bench engine-overhead [--json] [--pictures 20] [--seconds 2] [--side 1024]\n');
  process.exit(2);
}

const budgetShare = 0.02;
const modelId = 'sleeper';
const manifest = {
  formatVersion: 1,
  pipeline: 'diffusers',
  version: '1',
  variants: [
    {
      modelId,
      name: 'Sleeper',
      description: 'Sleeps.',
      aliases: [],
      leonardoId: '7e9cb4f1-5d0a-4a55-8c8b-1f5b6f2d9a10',
      isDefault: true,
      adapters: [],
    },
  ],
  limits: { minSidePx: 64, maxSidePx: 1536, defaultSteps: 20, maxSteps: 60, defaultGuidanceScale: 7 },
  nativeSidePx: sidePx,
  pipelineFolder: 'weights',
  dtype: 'float32',
  picturesAtOnce: 1,
};

type Measured = { readonly seconds: number; readonly cpuSeconds: number };

const batch = (seed: number): GenerateBatch => ({
  modelId,
  widthPx: sidePx,
  heightPx: sidePx,
  steps: 20,
  guidanceScale: 7,
  previewEverySteps: 4,
  requests: [{ requestId: 'a', prompt: 'a sleeping cat', negativePrompt: '', seed, images: 1, style: 'NONE' }],
});

async function generate(engine: DiffusionEngine, seed: number): Promise<void> {
  let images = 0;
  for await (const { type } of engine.generate(batch(seed), new AbortController().signal)) if (type === 'image') images += 1;
  if (images !== 1) throw new Error('The engine ended without its picture.');
}

/** Seconds from one picture to the next, and seconds of processor in this process. */
async function measured(engine: DiffusionEngine, atOnce: number): Promise<Measured> {
  const cpu = process.cpuUsage();
  const readyMs: number[] = [];
  let next = 0;
  const lane = async () => {
    while (next < pictures) {
      await generate(engine, next++);
      readyMs.push(performance.now());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const { user, system } = process.cpuUsage(cpu);
  const [first = 0, last = 0] = [readyMs[0], readyMs.at(-1)];
  return { seconds: (last - first) / 1_000 / (pictures - 1), cpuSeconds: (user + system) / 1_000_000 / pictures };
}

async function sleepingPython(folder: string): Promise<string> {
  const script = path.resolve(import.meta.dirname, '../python/sleeping.py');
  const file = path.join(folder, 'python');
  // Whatever it is told to run, it runs the sleeping one.
  await writeFile(file, `#!/bin/sh\nSLEEP_SECONDS=${seconds} exec "${await pythonPackages()}" "${script}"\n`);
  await chmod(file, 0o755);
  return file;
}

const folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-bench-overhead-'));
try {
  const modelsDir = path.join(folder, 'models');
  await mkdir(path.join(modelsDir, modelId, manifest.pipelineFolder), { recursive: true });
  const pipeline = { _class_name: 'StableDiffusionXLPipeline' };
  await writeFile(path.join(modelsDir, modelId, manifest.pipelineFolder, 'model_index.json'), JSON.stringify(pipeline));
  await writeFile(path.join(modelsDir, modelId, 'manifest.json'), JSON.stringify(manifest));
  const pythonProgram = await sleepingPython(folder);
  const engine = await openEngine({ engine: 'python', pythonProgram, modelsDir, threads: 1, logger: createLogger('warn', 'bench') });
  await generate(engine, 0);
  const [alone, together] = [await measured(engine, 1), await measured(engine, 2)];
  await engine.close();
  report(
    [
      ['one batch at a time', alone],
      ['two, as the worker has them', together],
    ],
    values.json,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}

function report(rows: readonly (readonly [string, Measured])[], isJson: boolean): void {
  const figures = rows.map(([what, each]) => ({ what, ...each, overheadShare: each.seconds / seconds - 1 }));
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ pictures, sidePx, pipelineSeconds: seconds, budgetShare, figures })}\n`);
    return;
  }
  process.stdout.write(`${pictures} pictures of ${sidePx} px, whose pipeline takes ${seconds} s each\n`);
  for (const { what, overheadShare, cpuSeconds, seconds: each } of figures)
    process.stdout.write(
      `  ${what.padEnd(28)} ${each.toFixed(3)} s a picture, ${(100 * overheadShare).toFixed(2)} % over the pipeline (budget ${100 * budgetShare} %); ${(1_000 * cpuSeconds).toFixed(0)} ms of CPU in the worker\n`,
    );
}
