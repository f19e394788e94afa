import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiffusionEngine, type EngineDescription, type GenerateBatch, type GenerateUpdate } from '@tessera/inference/diffusion-engine.js';
import { unavailable } from '@tessera/platform/errors.js';
import { createLogger } from '@tessera/platform/logger.js';
import { Canary } from './canary.js';

const batch: GenerateBatch = {
  modelId: 'tiny',
  widthPx: 32,
  heightPx: 32,
  steps: 1,
  guidanceScale: 1,
  previewEverySteps: 0,
  requests: [{ requestId: 'canary', prompt: 'an apple', negativePrompt: '', seed: 1, images: 1, style: 'NONE' }],
};

/** Dead or alive, as the test says. */
class Engine extends DiffusionEngine {
  isAlive = true;
  generations = 0;
  #onGeneration: () => void = () => {};

  async generated(count: number): Promise<void> {
    while (this.generations < count) await new Promise<void>((resolve) => (this.#onGeneration = resolve));
  }

  override async describe(): Promise<EngineDescription> {
    return { engine: 'test', models: [] };
  }

  override async *generate(): AsyncIterable<GenerateUpdate> {
    this.generations += 1;
    this.#onGeneration();
    if (!this.isAlive) throw unavailable('engine_unavailable', 'Dead.');
    yield {
      type: 'image',
      requestId: 'canary',
      index: 0,
      image: { widthPx: 32, heightPx: 32, contentType: 'image/png', bytes: new Uint8Array(1) },
    };
  }

  override async warm(): Promise<void> {}
  override async close(): Promise<void> {}
}

describe('the canary of a worker', () => {
  const never = new AbortController().signal;
  let engine: Engine;
  let canaries: Canary[];
  beforeEach(() => {
    engine = new Engine();
    canaries = [];
  });
  afterEach(() => canaries.forEach((canary) => canary.stop()));
  const start = (everyMs: number, isIdle = true) => {
    const canary = new Canary({ engine, logger: createLogger('silent', 'worker'), batch, everyMs, isIdle: () => isIdle });
    canaries.push(canary);
    canary.start();
    return canary;
  };

  it('generates again and again while the worker is idle', async () => {
    const canary = start(1);
    await engine.generated(3);
    expect(canary.isFit).toBe(true);
  });

  it('finds a dead engine by itself, and that it is back', async () => {
    engine.isAlive = false;
    const canary = start(1);
    await engine.generated(2);
    expect(canary.isFit).toBe(false);
    const fit = canary.whenFit(never);
    engine.isAlive = true;
    await fit;
    expect(canary.isFit).toBe(true);
  });

  it('looks at once when the engine says that it is not there, once for all who ask', async () => {
    engine.isAlive = false;
    const canary = start(0);
    expect(await Promise.all([canary.isLost(), canary.isLost()])).toEqual([true, true]);
    expect([engine.generations, canary.isFit]).toEqual([1, false]);
  });

  it('generates nothing where the engine knows by itself, and believes what it says', async () => {
    let isThere = true;
    engine.isFit = async () => {
      if (!isThere) throw unavailable('engine_misconfigured', 'The key is not accepted.');
      return true;
    };
    const canary = start(0);
    expect(await canary.isLost()).toBe(false);
    isThere = false;
    expect([await canary.isLost(), canary.isFit, engine.generations]).toEqual([true, false, 0]);
  });

  it('says that an engine is not lost which only one job brought down', async () => {
    const canary = start(0);
    expect([await canary.isLost(), canary.isFit]).toEqual([false, true]);
  });

  it('lets nobody wait who has given up', async () => {
    engine.isAlive = false;
    const canary = start(0);
    await canary.isLost();
    const stopping = new AbortController();
    const waiting = canary.whenFit(stopping.signal);
    stopping.abort();
    await waiting;
    expect(canary.isFit).toBe(false);
  });
});
