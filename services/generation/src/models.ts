import { Injectable } from '@nestjs/common';
import { DiffusionEngine, type ModelInfo } from '@tessera/inference/diffusion-engine.js';
import { noModels, unknownModel } from './errors.js';

/** The pool of all workers of a single installation; every one of them holds every model. */
export const defaultPool = 'default';

/** Edits after which a name is no longer offered as what was meant. */
const closeEditsMax = 4;
/** Longer than any model's name; what is longer is not compared. */
const comparedCharactersMax = 64;

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

export function closestName(wanted: string, names: readonly string[]): string | undefined {
  if (wanted.length > comparedCharactersMax) return undefined;
  const ranked = names.map((name) => ({ name, edits: editsBetween(wanted, name.toLowerCase()) })).sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best && best.edits <= closeEditsMax ? best.name : undefined;
}

/** Levenshtein's distance, row by row. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
