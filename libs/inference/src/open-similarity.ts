import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Similarity } from './similarity/similarity.js';

/** Whatever engine generates, what ships measures: undefined where no model among `modelsDir` has the graphs for it. */
export async function openSimilarity({
  modelsDir = bundledModelsDir,
  threads,
  logger,
}: {
  modelsDir?: string | undefined;
  threads: number;
  logger: Logger;
}): Promise<Similarity | undefined> {
  const manifest = (await loadFamilies(modelsDir)).filter(isFlow).find(({ graphs }) => graphs.encoder && graphs.matting);
  if (!manifest) return undefined;
  const { MosaicSimilarity } = await import('./similarity/mosaic-similarity.js');
  return new MosaicSimilarity(manifest, threads, logger);
}
