import type { DiffusionEngine, GenerateBatch } from '@tessera/inference/diffusion-engine.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { EngineHealth } from '../../loop/engine-health.js';
import { canaryPictures } from './engine-metrics.js';

/** A tiny picture takes a fraction of a second; a cold pipeline of billions of weights is loaded from a network disk first. */
const generatedWithinMs = 5 * 60_000;
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

/** Generates a tiny picture now and then while the runner is idle: an engine that reports itself ready may be dead. While it fails, its worker claims nothing. */
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
  requireFit(): void {
    if (!this.#isFit) throw unavailable('engine_unavailable', 'The engine cannot generate.');
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
    this.#probing ??= this.#generate().then((isFit) => {
      this.#probing = undefined;
      this.#found(isFit);
      return isFit;
    });
    return this.#probing;
  }

  async #generate(): Promise<boolean> {
    const { engine, batch, logger } = this.options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(generatedWithinMs)]);
    try {
      // Where a picture has its price, the engine knows a way that has none.
      if (await engine.isFit(batch.modelId, signal)) return true;
      let pictures = 0;
      for await (const update of engine.generate(batch, signal)) if (update.type === 'image') pictures += 1;
      return pictures === 1;
    } catch (error) {
      if (this.#isFit && !this.#closing.signal.aborted)
        logger.error({ err: error }, 'the engine cannot generate; nothing is claimed until it can');
      return false;
    }
  }

  #found(isFit: boolean): void {
    if (!this.#closing.signal.aborted) canaryPictures.inc({ outcome: isFit ? 'generated' : 'failed' });
    if (isFit && !this.#isFit) this.options.logger.warn('the engine generates again');
    this.#retryMs = isFit ? firstRetryMs : Math.min(longestRetryMs, this.#retryMs * 2);
    this.#isFit = isFit;
    if (isFit) for (const resolve of this.#whenFit.splice(0)) resolve();
    this.#arm();
  }
}

/** A grey 8 x 8 picture, for models that only change pictures. */
const tinyPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAMAAADz0U65AAAAA1BMVEWwtLwgWlfRAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQImWNgoA4AAABIAAF7pRHIAAAAAElFTkSuQmCC',
  'base64',
);

export const tinyBatch = ({ modelId, minSidePx, defaultGuidanceScale, needsInitImage }: ModelInfo): GenerateBatch => ({
  modelId,
  widthPx: minSidePx,
  heightPx: minSidePx,
  steps: 1,
  guidanceScale: defaultGuidanceScale,
  previewEverySteps: 0,
  requests: [
    {
      requestId: 'canary',
      prompt: 'an apple',
      negativePrompt: '',
      seed: 1,
      images: 1,
      style: 'NONE',
      ...(needsInitImage ? { initImage: { bytes: tinyPng, strength: 0 } } : {}),
    },
  ],
});
