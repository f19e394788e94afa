import { canRun, type EngineKind } from '@tessera/models/describe-models.js';
import { bundledModelsDir, type Family, isFlow, loadFamilies, offeredForTextAlone } from '@tessera/models/families.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { isServed } from '@tessera/models/served-manifest.js';
import type { Logger } from '@tessera/platform/logger.js';
import { BundledTools } from './bundled-tools.js';
import type { DiffusionEngine } from './diffusion-engine.js';
import { NoopEngine } from './noop/noop-engine.js';

export type EngineOptions = {
  readonly engine: EngineKind;
  readonly modelsDir?: string | undefined;
  readonly threads: number;
  readonly tritonUrl?: string | undefined;
  /** Where the engine `served` finds the addresses and keys that its manifests name. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The Python that the engine `python` starts. */
  readonly pythonProgram?: string | undefined;
  readonly logger: Logger;
};

const engineFor: Record<Family['pipeline'], string> = {
  'reference-conditioned-flow': 'onnx',
  diffusers: 'triton or python',
  'openai-server': 'served',
  prediction: 'served',
};

/** Reads the manifests and refuses broken ones with a sentence; weights are loaded when first needed, a Triton is called and a Python started when first used. */
export async function openEngine({
  engine,
  modelsDir = bundledModelsDir,
  threads,
  tritonUrl,
  environment = process.env,
  pythonProgram = 'python3',
  logger,
}: EngineOptions): Promise<DiffusionEngine> {
  const all = await loadFamilies(modelsDir);
  const families = all.filter((family) => canRun(engine, family));
  for (const { folder, pipeline } of all.filter((family) => !canRun(engine, family)))
    logger.warn({ folder }, `left out: the pipeline "${pipeline}" needs TESSERA_ENGINE=${engineFor[pipeline]}`);
  for (const { folder, sentence } of offeredForTextAlone(families)) logger.warn({ folder }, sentence);
  if (engine === 'noop') return new NoopEngine(families);
  const tools = new BundledTools(() => openOnnx([], threads, logger));
  if (engine === 'triton') {
    if (tritonUrl === undefined)
      throw new Error('The engine "triton" needs an address: set TESSERA_TRITON_URL, for example to http://127.0.0.1:8001.');
    const [{ RemoteEngine }, { TritonTasks }] = await Promise.all([
      import('./remote/remote-engine.js'),
      import('./remote/triton-tasks.js'),
    ]);
    return new RemoteEngine('triton', families, new TritonTasks(tritonUrl), logger, tools);
  }
  if (engine === 'served') {
    const { ServedEngine } = await import('./served/served-engine.js');
    return new ServedEngine(families.filter(isServed), environment, logger, tools);
  }
  if (engine === 'python') {
    const [{ RemoteEngine }, { PythonTasks }] = await Promise.all([
      import('./remote/remote-engine.js'),
      import('./remote/python-tasks.js'),
    ]);
    return new RemoteEngine('python', families, new PythonTasks({ program: pythonProgram, modelsDir, threads, logger }), logger, tools);
  }
  return openOnnx(families.filter(isFlow), threads, logger);
}

/** Loaded where it is needed: a process that does not generate is spared the runtime. */
async function openOnnx(manifests: readonly Manifest[], threads: number, logger: Logger): Promise<DiffusionEngine> {
  const { OnnxEngine } = await import('./onnx/onnx-engine.js');
  return new OnnxEngine(manifests, threads, logger);
}
