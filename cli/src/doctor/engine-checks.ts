import os from 'node:os';
import type { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { openEngine } from '@tessera/inference/open-engine.js';
import { createLogger } from '@tessera/platform/logger.js';
import { modelsFolder } from '../places.js';
import { formatSeconds } from '../texts.js';
import { messageOf, type Check } from './check.js';

/** A cold start on a slow disk, with room to spare; a picture takes far less. */
const canaryDeadlineMs = 60_000;

const modelsDir = process.env['TESSERA_MODELS'] || modelsFolder;
const restore = 'Restore the models folder from the repository, or point TESSERA_MODELS at a good one.';

async function open(engine: 'onnx' | 'noop'): Promise<DiffusionEngine> {
  return openEngine({
    engine,
    modelsDir,
    threads: Math.max(1, Math.min(4, os.availableParallelism())),
    logger: createLogger('silent', 'doctor'),
  });
}

/** The manifest is read and validated by the engine itself. */
export async function checkModels(): Promise<Check> {
  const name = 'models';
  try {
    const engine = await open('noop');
    const { models } = await engine.describe().finally(() => engine.close());
    return { name, verdict: 'ok', finding: `${modelsDir}: ${models.map((model) => `${model.modelId} ${model.version}`).join(', ')}` };
  } catch (error) {
    return { name, verdict: 'fail', finding: messageOf(error), remedy: restore };
  }
}

/** A weight file that is damaged loads or paints wrongly only when it is used, so one small picture is painted. */
export async function checkEngine(): Promise<Check> {
  const name = 'engine';
  try {
    const startMs = performance.now();
    const engine = await open('onnx');
    const bytes = await generateCanary(engine).finally(() => engine.close());
    return { name, verdict: 'ok', finding: `painted a canary in ${formatSeconds(performance.now() - startMs)} s (${bytes} bytes)` };
  } catch (error) {
    return { name, verdict: 'fail', finding: `could not paint: ${messageOf(error)}`, remedy: restore };
  }
}

async function generateCanary(engine: DiffusionEngine): Promise<number> {
  const { models } = await engine.describe();
  const model = models.find(({ isDefault }) => isDefault) ?? models[0];
  if (!model) throw new Error('there is no model');
  const batch = {
    modelId: model.modelId,
    widthPx: model.nativeWidthPx,
    heightPx: model.nativeHeightPx,
    steps: 4,
    guidanceScale: model.defaultGuidanceScale,
    previewEverySteps: 0,
    requests: [{ requestId: 'canary', prompt: 'a yellow bird', negativePrompt: '', seed: 1, images: 1, style: 'NONE' }],
  };
  let bytes = 0;
  for await (const update of engine.generate(batch, AbortSignal.timeout(canaryDeadlineMs))) {
    if (update.type === 'image') bytes = update.image.bytes.byteLength;
  }
  if (bytes === 0) throw new Error('the engine ended without a picture');
  return bytes;
}
