import { describeModels, type EngineKind } from './describe-models.js';
import { bundledModelsDir, loadFamilies } from './families.js';
import { type ModelPools, ModelRegistry } from './model-registry.js';

export type RegistryOptions = { readonly engine: EngineKind; readonly modelsDir?: string | undefined; readonly modelPools: ModelPools };

/** From the manifests on disk, which it refuses like the engine when they are broken; no engine is opened. */
export async function openModelRegistry({ engine, modelsDir = bundledModelsDir, modelPools }: RegistryOptions): Promise<ModelRegistry> {
  return new ModelRegistry(describeModels(engine, await loadFamilies(modelsDir)), modelPools);
}
