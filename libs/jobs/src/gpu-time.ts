/** Weight of the newest measurement: a handful of jobs is enough to find a model's speed, one outlier is not. */
const newestWeight = 0.2;
/** GPU-seconds for one step of one megapixel before anything was measured; every account starts from the same guess, so only its size in relation to the batching deficit matters. */
const secondsPerUnitGuess = 0.1;
/** Models whose speed is remembered; an operator holds far fewer. */
const modelsMax = 1_000;
/** An estimate is never nothing: a job without cost would let its account queue without ever falling behind. */
const gpuSecondsMin = 0.000_1;

/** Learns how long a model takes for a unit of work (a step of a megapixel of a picture), so that fair queueing begins near the truth. */
export class GpuTime {
  readonly #secondsPerUnit = new Map<string, number>();

  estimate(modelId: string, workUnits: number): number {
    return Math.max(gpuSecondsMin, (this.#secondsPerUnit.get(modelId) ?? secondsPerUnitGuess) * workUnits);
  }

  learn(modelId: string, workUnits: number, gpuSeconds: number): void {
    if (workUnits <= 0 || !Number.isFinite(gpuSeconds) || gpuSeconds < 0) return;
    const known = this.#secondsPerUnit.get(modelId);
    const measured = gpuSeconds / workUnits;
    if (known === undefined && this.#secondsPerUnit.size >= modelsMax) return;
    this.#secondsPerUnit.set(modelId, known === undefined ? measured : known + (measured - known) * newestWeight);
  }
}
