import { Injectable } from '@nestjs/common';
import { DiffusionEngine, type ModelInfo } from '@tessera/inference/diffusion-engine.js';
import { closestName } from '@tessera/platform/closest-name.js';
import { noModels, unknownModel } from './errors.js';

/** The pool of all workers of a single installation; every one of them holds every model. */
export const defaultPool = 'default';
export const pools: readonly string[] = [defaultPool];

/** The models that workers of this installation hold, by all the names that they go by. */
@Injectable()
export class Models {
  #described: Promise<readonly ModelInfo[]> | undefined;

  constructor(private readonly engine: DiffusionEngine) {}

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
