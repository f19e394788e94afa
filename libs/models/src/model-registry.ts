import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiffusionEngine, type ModelInfo } from '@tessera/inference/diffusion-engine.js';
import { closestName } from '@tessera/platform/closest-name.js';
import { Config } from '@tessera/platform/config.js';
import { noModels, unknownModel } from './errors.js';

/** The pool of models that are given to no other; of all models, where nothing is said. */
export const defaultPool = 'default';

/** The models that workers of this installation hold, by all the names that they go by. */
@Injectable()
export class Models implements OnModuleInit {
  /** Those whose workers this installation may have. */
  readonly pools: readonly string[];
  #described: Promise<readonly ModelInfo[]> | undefined;

  constructor(
    private readonly engine: DiffusionEngine,
    @Inject(Config) private readonly config: Config,
  ) {
    this.pools = [...new Set([defaultPool, ...Object.values(config.modelPools)])];
  }

  /** A misspelt model would be painted in the wrong pool without anybody noticing. */
  async onModuleInit(): Promise<void> {
    const given = Object.keys(this.config.modelPools);
    if (given.length === 0) return;
    const known = (await this.list()).map(({ modelId }) => modelId);
    const unknown = given.find((modelId) => !known.includes(modelId));
    if (unknown !== undefined) throw new Error(`TESSERA_MODEL_POOLS names the model "${unknown}"; there are ${known.join(', ')}.`);
  }

  poolOf(modelId: string): string {
    return this.config.modelPools[modelId] ?? defaultPool;
  }

  list(): Promise<readonly ModelInfo[]> {
    this.#described ??= this.#describe();
    return this.#described;
  }

  /** By id, alias or Leonardo's UUID; an empty name is the default model. InvalidArgument `unknown_model`. */
  async named(name: string): Promise<ModelInfo> {
    const models = await this.list();
    const wanted = name.toLowerCase();
    const model = models.find((candidate) => (name === '' ? candidate.isDefault : namesOf(candidate).some((known) => known.toLowerCase() === wanted)));
    if (model) return model;
    const [first] = models;
    if (!first) throw noModels();
    if (name === '') return first;
    throw unknownModel(name, closestName(wanted, models.flatMap((candidate) => [candidate.modelId, ...candidate.aliases])));
  }

  async #describe(): Promise<readonly ModelInfo[]> {
    try {
      return (await this.engine.describe()).models;
    } catch (error) {
      this.#described = undefined;
      throw error;
    }
  }
}

const namesOf = (model: ModelInfo): readonly string[] => [model.modelId, ...model.aliases, model.leonardoId];
