import { Injectable } from '@nestjs/common';
import { GenerationService, type ModelDescription } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';

/** Models change when an operator changes them; answers name models on every read, so the list is kept this long. */
const keptMs = 10_000;

@Injectable()
export class Models {
  readonly #generation: RpcClient<typeof GenerationService>;
  #kept: { models: readonly ModelDescription[]; untilMs: number } | undefined;

  constructor(
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.#generation = rpc.client(GenerationService);
  }

  async list(): Promise<readonly ModelDescription[]> {
    const nowMs = this.clock.now();
    if (this.#kept && this.#kept.untilMs > nowMs) return this.#kept.models;
    const { models } = await this.#generation.listModels({});
    this.#kept = { models, untilMs: nowMs + keptMs };
    return models;
  }

  /** UUIDs by which Leonardo's clients know the models. */
  async leonardoIds(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.list()).map((model) => [model.modelId, model.leonardoId]));
  }
}
