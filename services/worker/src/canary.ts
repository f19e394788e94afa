import type { DiffusionEngine, GenerateBatch } from '@tessera/inference/diffusion-engine.js';
import type { EngineHealth } from '@tessera/jobs/engine-health.js';
import { canaryPictures } from '@tessera/jobs/engine-metrics.js';
import { unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';

/** A tiny picture takes a fraction of a second; a cold pipeline of billions of weights is loaded from a network disk first. */
const paintedWithinMs = 5 * 60_000;
const firstRetryMs = 500;
const longestRetryMs = 30_000;

export type CanaryOptions = {
  readonly engine: DiffusionEngine;
  readonly logger: Logger;
  /** The smallest thing that goes the whole way. */
  readonly batch: GenerateBatch;
  /** 0: only when the engine has said that it is not available. */
  readonly everyMs: number;
  readonly isIdle: () => boolean;
};

/** Paints a tiny picture now and then while nothing else is painted: an engine that says it is ready may be dead. While it fails, its worker claims nothing. */
export class Canary implements EngineHealth {
  readonly #closing = new AbortController();
  #isFit = true;
  #probing: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #whenFit: (() => void)[] = [];

  constructor(private readonly options: CanaryOptions) {}

  get isFit(): boolean {
    return this.#isFit;
  }

  /** For readiness: Unavailable `engine_unavailable` while it is not fit. */
  demandFit(): void {
    if (!this.#isFit) throw unavailable('engine_unavailable', 'The engine cannot paint.');
  }

  start(): void {
    this.#arm();
  }

  whenFit(signal: AbortSignal): Promise<void> {
    if (this.#isFit || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenFit.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async isLost(): Promise<boolean> {
    return !(await this.#probe());
  }

  stop(): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const { everyMs, isIdle } = this.options;
    const waitMs = this.#isFit ? everyMs : this.#retryMs;
    if (waitMs === 0 || this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => {
      // Work that succeeds says more than a canary.
      if (this.#isFit && !isIdle()) this.#arm();
      else void this.#probe();
    }, waitMs);
  }

  /** Several that ask at once share one picture. */
  #probe(): Promise<boolean> {
    this.#probing ??= this.#generate().then((painted) => {
      this.#probing = undefined;
      this.#found(painted);
      return painted;
    });
    return this.#probing;
  }

  async #generate(): Promise<boolean> {
    const { engine, batch, logger } = this.options;
    try {
      let pictures = 0;
      for await (const update of engine.generate(batch, AbortSignal.any([this.#closing.signal, AbortSignal.timeout(paintedWithinMs)]))) if (update.type === 'image') pictures += 1;
      return pictures === 1;
    } catch (error) {
      if (this.#isFit && !this.#closing.signal.aborted) logger.error({ err: error }, 'the engine cannot paint; nothing is claimed until it can');
      return false;
    }
  }

  #found(painted: boolean): void {
    if (!this.#closing.signal.aborted) canaryPictures.inc({ outcome: painted ? 'painted' : 'failed' });
    if (painted && !this.#isFit) this.options.logger.warn('the engine paints again');
    this.#retryMs = painted ? firstRetryMs : Math.min(longestRetryMs, this.#retryMs * 2);
    this.#isFit = painted;
    if (painted) for (const resolve of this.#whenFit.splice(0)) resolve();
    this.#arm();
  }
}
