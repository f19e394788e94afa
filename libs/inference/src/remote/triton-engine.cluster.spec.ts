import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { startTriton } from '@tessera/servers/triton.js';
import { BundledTools } from '../bundled-tools.js';
import type { DiffusionEngine } from '../diffusion-engine.js';
import { loadFamilies } from '@tessera/models/families.js';
import { openEngine } from '../open-engine.js';
import { all, describeRemoteEngine, mosaicBatch } from './remote-engine.conformance.js';
import { RemoteEngine } from './remote-engine.js';
import { TritonTasks } from './triton-tasks.js';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;
describe('Triton as an engine', () => {
  let triton: RunningServer;
  let engine: DiffusionEngine;
  const open = () => openEngine({ engine: 'triton', tritonUrl: triton.url, threads: 2, logger });
  beforeAll(async () => {
    triton = await startTriton();
    engine = await open();
  }, 120_000);
  afterAll(async () => {
    await engine?.close();
    await triton?.stop();
  });

  describeRemoteEngine('triton', () => engine, open);

  describe('says what to do', () => {
    let modelsDir: string;
    beforeEach(async () => {
      modelsDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-models-'));
    });
    afterEach(() => fs.rm(modelsDir, { recursive: true, force: true }));
    const warming = async (folder: string, version: string, url: string) => {
      const manifest = JSON.parse(
        await fs.readFile(path.resolve(import.meta.dirname, '../../../../models/mosaic/manifest.json'), 'utf8'),
      ) as object;
      await fs.mkdir(path.join(modelsDir, folder));
      await fs.writeFile(path.join(modelsDir, folder, 'manifest.json'), JSON.stringify({ ...manifest, version }));
      const other = new RemoteEngine('triton', await loadFamilies(modelsDir), new TritonTasks(url, 1_000), logger, new BundledTools(open));
      return other.warm('mosaic-3d').finally(() => other.close());
    };

    it('when no Triton answers', async () => {
      await expect(warming('mosaic', '1', 'http://127.0.0.1:1')).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringContaining('set TESSERA_TRITON_URL'),
      });
    });

    it('when Triton holds another version of the weights', async () => {
      await expect(warming('mosaic', '9.9.9', triton.url)).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringContaining('version 9.9.9'),
      });
    });

    it('when Triton reads another folder of models', async () => {
      await expect(warming('elsewhere', '1', triton.url)).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringContaining('no folder "elsewhere"'),
      });
    });
  });

  it('fails what is in flight when Triton is killed, and generates again when it is back', async () => {
    const running = (async () => {
      for await (const update of engine.generate(mosaicBatch({ steps: 60 }), never))
        if (update.type === 'step' && update.step === 2) await triton.kill();
    })();
    await expect(running).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable' });
    await expect(all(engine.generate(mosaicBatch(), never))).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable' });
    await triton.restart();
    await engine.warm('mosaic-3d');
    expect((await all(engine.generate(mosaicBatch(), never))).filter(({ type }) => type === 'image')).toHaveLength(2);
  }, 120_000);
});
