/** Weight of the newest measurement: a handful of jobs is enough to find a model's speed, one outlier is not. */
const newestWeight = 0.2;
/** GPU-seconds for one step of one megapixel before anything was measured; every account starts from the same guess, so only its size in relation to the batching deficit matters. */
const secondsPerSizeGuess = 0.1;
/** Models whose speed is remembered; an operator holds far fewer. */
const modelsMax = 1_000;
/** An estimate is never nothing: a job without cost would let its account queue without ever falling behind. */
const gpuSecondsMin = 0.000_1;

type Measured = { readonly kind: string; readonly modelId: string; readonly size: number };

const keyOf = ({ kind, modelId }: Measured): string => `${kind}/${modelId}`;

/** Learns how long a model takes for one of a kind's measure of size (of a picture: a step of a megapixel), so that fair queueing begins near the truth. */
export class GpuTime {
  readonly #secondsPerSize = new Map<string, number>();

  estimate(work: Measured): number {
    return Math.max(gpuSecondsMin, (this.#secondsPerSize.get(keyOf(work)) ?? secondsPerSizeGuess) * work.size);
  }

  learn(work: Measured, gpuSeconds: number): void {
    if (work.size <= 0 || !Number.isFinite(gpuSeconds) || gpuSeconds < 0) return;
    const key = keyOf(work);
    const known = this.#secondsPerSize.get(key);
    const measured = gpuSeconds / work.size;
    if (known === undefined && this.#secondsPerSize.size >= modelsMax) return;
    this.#secondsPerSize.set(key, known === undefined ? measured : known + (measured - known) * newestWeight);
  }
}
