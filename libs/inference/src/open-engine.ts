import { canRun, type EngineKind } from '@tessera/models/describe-models.js';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import type { Manifest } from '@tessera/models/manifest.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { DiffusionEngine } from './diffusion-engine.js';
import { NoopEngine } from './noop/noop-engine.js';

export type EngineOptions = {
  readonly engine: EngineKind;
  readonly modelsDir?: string | undefined;
  readonly threads: number;
  readonly tritonUrl?: string | undefined;
  readonly logger: Logger;
};

/** Reads the manifests and refuses broken ones with a sentence; weights are loaded when first needed, and a Triton is called when first used. */
export async function openEngine({
  engine,
  modelsDir = bundledModelsDir,
  threads,
  tritonUrl,
  logger,
}: EngineOptions): Promise<DiffusionEngine> {
  const families = await loadFamilies(modelsDir);
  if (engine === 'noop') return new NoopEngine(families);
  if (engine === 'triton') {
    if (tritonUrl === undefined)
      throw new Error('The engine "triton" needs an address: set TESSERA_TRITON_URL, for example to http://127.0.0.1:8001.');
    const [{ RemoteEngine }, { TritonTasks }] = await Promise.all([
      import('./remote/remote-engine.js'),
      import('./remote/triton-tasks.js'),
    ]);
    return new RemoteEngine('triton', families, new TritonTasks(tritonUrl), logger, () => openBundled(threads, logger));
  }
  for (const { folder } of families.filter((family) => !canRun(engine, family)))
    logger.warn({ folder }, 'left out: a diffusers pipeline needs TESSERA_ENGINE=triton');
  return openOnnx(families.filter(isFlow), threads, logger);
}

/** Loaded where it is needed: a process that does not generate is spared the runtime. */
async function openOnnx(manifests: readonly Manifest[], threads: number, logger: Logger): Promise<DiffusionEngine> {
  const { OnnxEngine } = await import('./onnx/onnx-engine.js');
  return new OnnxEngine(manifests, threads, logger);
}

/** For engines whose families cannot enlarge or cut out: in process, with what comes with Tessera. */
const openBundled = (threads: number, logger: Logger): Promise<DiffusionEngine> => openOnnx([], threads, logger);
