import { affinityDeficitGpuSeconds } from './batching.js';

/** Heads whose overtaking is remembered: those of a few lanes, for workers that hold different models. */
const headsMax = 64;

/**
 * How much a job at the head of its lane has been overtaken for the sake of warm models. Tags alone would not bound it: an account that comes anew gets the tag of the
 * present, and a stream of such accounts could pass a cold head for ever. So each head is overtaken by the deficit and one batch at most, whoever comes.
 */
export class Overtaking {
  readonly #gpuSeconds = new Map<string, number>();

  allows(headId: string): boolean {
    return (this.#gpuSeconds.get(headId) ?? 0) < affinityDeficitGpuSeconds;
  }

  happened(headId: string, gpuSeconds: number): void {
    this.#gpuSeconds.set(headId, (this.#gpuSeconds.get(headId) ?? 0) + gpuSeconds);
    const [oldest] = this.#gpuSeconds.keys();
    if (this.#gpuSeconds.size > headsMax && oldest !== undefined) this.#gpuSeconds.delete(oldest);
  }

  served(jobId: string): void {
    this.#gpuSeconds.delete(jobId);
  }
}
