import path from 'node:path';
import type { Logger } from '@tessera/platform/logger.js';
import type { AdapterTrainer } from './adapter-trainer.js';
import type { DiffusionEngine } from './diffusion-engine.js';
import { loadManifests } from './manifest.js';
import { NoopEngine } from './noop/noop-engine.js';
import { OnnxEngine } from './onnx/onnx-engine.js';
import { OnnxTrainer } from './onnx/onnx-trainer.js';

/** The weights that come with Tessera. */
const bundledModelsDir = path.resolve(import.meta.dirname, '../../../models');

/** Reads the manifests and refuses broken ones with a sentence; weights are loaded when first needed. */
export async function openEngine({ engine, modelsDir = bundledModelsDir, threads, logger }: { engine: 'onnx' | 'noop'; modelsDir?: string | undefined; threads: number; logger: Logger }): Promise<DiffusionEngine> {
  const manifests = await loadManifests(modelsDir);
  return engine === 'noop' ? new NoopEngine(manifests) : new OnnxEngine(manifests, threads, logger);
}

/** Trains on the same models; `threads` are taken from those that paint. */
export async function openTrainer({ modelsDir = bundledModelsDir, threads, logger }: { modelsDir?: string | undefined; threads: number; logger: Logger }): Promise<AdapterTrainer> {
  return new OnnxTrainer(await loadManifests(modelsDir), threads, logger);
}
