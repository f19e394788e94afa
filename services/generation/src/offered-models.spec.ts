import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { host, type Hosted } from '@tessera/host/host.js';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { openModelRegistry } from '@tessera/models/open-model-registry.js';
import { parseConfig } from '@tessera/platform/config.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { generation } from './generation.module.js';

describe('the service in a process without a worker', () => {
  let dataDir: string;
  let hosted: Hosted | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-offered-'));
  });
  afterEach(async () => {
    await hosted?.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const start = async (settings: object) => {
    hosted = await host(
      [generation],
      parseConfig({ dataDir, httpPort: 0, grpcPort: 0, logLevel: 'silent', embeddedWorker: false, ...settings }),
    );
    return hosted;
  };

  it('offers the models of the manifests and opens no engine', async () => {
    const { app } = await start({ engine: 'onnx', modelPools: { 'mosaic-turbo': 'large' } });
    const { models } = await app.get(Rpc, { strict: false }).client(GenerationService).listModels({});
    const { list } = await openModelRegistry({ engine: 'onnx', modelPools: {} });
    expect(models.map(({ modelId, version }) => ({ modelId, version }))).toEqual(
      list.map(({ modelId, version }) => ({ modelId, version })),
    );
    expect(models.find(({ modelId }) => modelId === 'mosaic-turbo')?.pool).toBe('large');
    expect(() => app.get(DiffusionEngine, { strict: false })).toThrow();
  });

  it('does not start with a pool for a model that does not exist', async () => {
    await expect(start({ engine: 'noop', modelPools: { 'mosaik-3d': 'large' } })).rejects.toThrow(
      'TESSERA_MODEL_POOLS names the model "mosaik-3d"',
    );
  });
});
