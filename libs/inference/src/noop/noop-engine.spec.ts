import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { describeDiffusionEngineConformance } from '../diffusion-engine.conformance.js';
import { openEngine } from '../open-engine.js';

const logger = pino({ level: 'silent' });

describeDiffusionEngineConformance('noop', () => openEngine({ engine: 'noop', threads: 1, logger }));

describe('NoopEngine', () => {
  it('offers the very models that the real engine would', async () => {
    const [noop, onnx] = await Promise.all([
      openEngine({ engine: 'noop', threads: 1, logger }),
      openEngine({ engine: 'onnx', threads: 1, logger }),
    ]);
    expect((await noop.describe()).models).toEqual((await onnx.describe()).models);
    expect((await noop.describe()).engine).toBe('noop');
  });
});
