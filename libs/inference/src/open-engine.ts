import { canRun, type EngineKind } from '@tessera/models/describe-models.js';
import { bundledModelsDir, isFlow, loadFamilies, offeredForTextAlone } from '@tessera/models/families.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { DiffusionEngine } from './diffusion-engine.js';
import { NoopEngine } from './noop/noop-engine.js';

export type EngineOptions = {
  readonly engine: EngineKind;
  readonly modelsDir?: string | undefined;
  readonly threads: number;
  readonly tritonUrl?: string | undefined;
  /** The Python that the engine `python` starts. */
  readonly pythonProgram?: string | undefined;
  readonly logger: Logger;
};

/** Reads the manifests and refuses broken ones with a sentence; weights are loaded when first needed, a Triton is called and a Python started when first used. */
export async function openEngine({
  engine,
  modelsDir = bundledModelsDir,
  threads,
  tritonUrl,
  pythonProgram = 'python3',
  logger,
}: EngineOptions): Promise<DiffusionEngine> {
  const families = await loadFamilies(modelsDir);
  for (const { folder, sentence } of offeredForTextAlone(families)) logger.warn({ folder }, sentence);
  if (engine === 'noop') return new NoopEngine(families);
  if (engine === 'triton') {
    if (tritonUrl === undefined)
      throw new Error('The engine "triton" needs an address: set TESSERA_TRITON_URL, for example to http://127.0.0.1:8001.');
    const [{ RemoteEngine }, { TritonTasks }] = await Promise.all([
      import('./remote/remote-engine.js'),
      import('./remote/triton-tasks.js'),
    ]);
    return new RemoteEngine('triton', families, new TritonTasks(tritonUrl), logger);
  }
  if (engine === 'python') {
    const [{ RemoteEngine }, { PythonTasks }] = await Promise.all([
      import('./remote/remote-engine.js'),
      import('./remote/python-tasks.js'),
    ]);
    return new RemoteEngine('python', families, new PythonTasks({ program: pythonProgram, modelsDir, threads, logger }), logger);
  }
  for (const { folder } of families.filter((family) => !canRun(engine, family)))
    logger.warn({ folder }, 'left out: a diffusers pipeline needs TESSERA_ENGINE=triton or python');
  // Loaded where it is needed: a process that does not generate is spared the runtime.
  const { OnnxEngine } = await import('./onnx/onnx-engine.js');
  return new OnnxEngine(families.filter(isFlow), threads, logger);
}
