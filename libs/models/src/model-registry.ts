import { closestName } from '@tessera/platform/closest-name.js';
import { invalidArgument, unavailable } from '@tessera/platform/errors.js';
import type { ModelInfo } from './model-info.js';

/** The pool of models that are given to no other; of all models, where nothing is said. */
export const defaultPool = 'default';

/** Which pool holds a model, by the model's id. */
export type ModelPools = Readonly<Record<string, string>>;

/** The models of an installation, by all the names that they go by, and the pools of workers that hold them. */
export class ModelRegistry {
  /** Those whose workers this installation may have. */
  readonly pools: readonly string[];

  constructor(
    readonly list: readonly ModelInfo[],
    private readonly modelPools: ModelPools,
  ) {
    this.pools = [...new Set([defaultPool, ...Object.values(modelPools)])];
  }

  /** A misspelt model would be generated with in the wrong pool without anybody noticing. */
  requireKnownPools(): void {
    const known = this.list.map(({ modelId }) => modelId);
    const unknown = Object.keys(this.modelPools).find((modelId) => !known.includes(modelId));
    if (unknown !== undefined) throw new Error(`TESSERA_MODEL_POOLS names the model "${unknown}"; there are ${known.join(', ')}.`);
  }

  poolOf(modelId: string): string {
    return this.modelPools[modelId] ?? defaultPool;
  }

  /** What a worker of this pool holds; where nothing is said of pools, all models. */
  inPool(pool: string): readonly ModelInfo[] {
    return Object.keys(this.modelPools).length === 0 ? this.list : this.list.filter(({ modelId }) => this.poolOf(modelId) === pool);
  }

  /** By id, alias or Leonardo's UUID; an empty name is the default model. InvalidArgument `unknown_model`, Unavailable `no_models`. */
  named(name: string): ModelInfo {
    const wanted = name.toLowerCase();
    const model = this.list.find((candidate) =>
      name === '' ? candidate.isDefault : namesOf(candidate).some((known) => known.toLowerCase() === wanted),
    );
    if (model) return model;
    const [first] = this.list;
    if (!first) throw unavailable('no_models', 'No model is loaded, so nothing can be painted.');
    if (name === '') return first;
    const closest = closestName(
      wanted,
      this.list.flatMap((candidate) => [candidate.modelId, ...candidate.aliases]),
    );
    throw invalidArgument('unknown_model', `There is no model "${name.slice(0, 80)}".${closest ? ` Did you mean "${closest}"?` : ''}`, {
      param: 'model_id',
    });
  }
}

const namesOf = (model: ModelInfo): readonly string[] => [model.modelId, ...model.aliases, model.leonardoId];
