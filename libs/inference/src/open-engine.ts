import path from 'node:path';
import type { Logger } from '@tessera/platform/logger.js';
import type { DiffusionEngine } from './diffusion-engine.js';
import { loadManifests } from './manifest.js';
import { NoopEngine } from './noop/noop-engine.js';
import { OnnxEngine } from './onnx/onnx-engine.js';

/** The weights that come with Tessera. */
const bundledModelsDir = path.resolve(import.meta.dirname, '../../../models');

/** Reads the manifests and refuses broken ones with a sentence; weights are loaded when first needed. */
export async function openEngine({ engine, modelsDir = bundledModelsDir, threads, logger }: { engine: 'onnx' | 'noop'; modelsDir?: string | undefined; threads: number; logger: Logger }): Promise<DiffusionEngine> {
  const manifests = await loadManifests(modelsDir);
  return engine === 'noop' ? new NoopEngine(manifests) : new OnnxEngine(manifests, threads, logger);
}
