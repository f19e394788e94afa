import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { AdapterTrainer } from './training/adapter-trainer.js';

/** Trains on the same models; `threads` are taken from those that generate. */
export async function openTrainer({
  modelsDir = bundledModelsDir,
  threads,
  logger,
}: {
  modelsDir?: string | undefined;
  threads: number;
  logger: Logger;
}): Promise<AdapterTrainer> {
  const { OnnxTrainer } = await import('./training/onnx/onnx-trainer.js');
  return new OnnxTrainer((await loadFamilies(modelsDir)).filter(isFlow), threads, logger);
}
