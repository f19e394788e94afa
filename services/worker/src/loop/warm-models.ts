/** The models that were used last, the newest first: what lies ready in the engine, as far as a worker can know. */
export class WarmModels {
  #modelIds: readonly string[] = [];

  constructor(private readonly modelsMax: number) {}

  get modelIds(): readonly string[] {
    return this.#modelIds;
  }

  used(modelId: string): void {
    this.#modelIds = [modelId, ...this.#modelIds.filter((other) => other !== modelId)].slice(0, this.modelsMax);
  }
}
