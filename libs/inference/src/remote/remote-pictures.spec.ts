import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import { diffusersSchema, type DiffusersManifest } from '@tessera/models/diffusers-manifest.js';
import { bundledModelsDir, type Family, isFlow, loadFamilies } from '@tessera/models/families.js';
import { internal, unavailable } from '@tessera/platform/errors.js';
import { BundledTools } from '../bundled-tools.js';
import type { DiffusionEngine, EncodedImage } from '../diffusion-engine.js';
import { floats, type Tensor } from '../flow/sessions.js';
import { ThreadSessions } from '../onnx/thread-sessions.fixture.js';
import { openEngine } from '../open-engine.js';
import type { Task } from './contract.js';
import { RemoteEngine } from './remote-engine.js';
import { type Answer, RemoteTasks } from './remote-tasks.js';
import { type Bundle, packTensors } from './tensor-bundle.js';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;

/** Runs single graphs of the bundled family, as the Python package does. */
class GraphTasks extends RemoteTasks {
  override readonly name = 'graphs';
  readonly asked: string[] = [];
  readonly sessions = new ThreadSessions();
  refusal: Error | undefined;

  override async *run(task: Task, tensors: Bundle): AsyncGenerator<Answer> {
    if (this.refusal) throw this.refusal;
    if (task.task !== 'run') throw internal('painting_failed', 'It runs graphs only.');
    this.asked.push(task.graph);
    const family = (await loadFamilies(bundledModelsDir)).filter(isFlow).find(({ folder }) => path.basename(folder) === task.family)!;
    const [kind, number] = task.graph.split('/');
    const pass = kind === 'superResolution' ? family.superResolution[Number(number)]! : undefined;
    const picture: Tensor = floats(tensors.get('picture')!.data as Float32Array, ...tensors.get('picture')!.dims);
    const answered = pass
      ? await this.sessions.run(
          path.join(family.folder, pass.file),
          { inputs: { picture: pass.input }, outputs: { enlarged: pass.output } },
          { picture },
        )
      : await this.sessions.run(path.join(family.folder, family.graphs.matting!.file), family.graphs.matting!, { picture });
    const payload = packTensors(new Map(Object.entries<Tensor>(answered).map(([role, tensor]) => [role, tensor])));
    yield { event: { type: 'tensors' }, payload };
  }
  override async check(): Promise<void> {}
  override close(): void {}
}

const limits = { minSidePx: 64, maxSidePx: 1024, defaultSteps: 4, maxSteps: 8, defaultGuidanceScale: 7 };
const diffusers: DiffusersManifest = {
  ...diffusersSchema.parse({
    formatVersion: 1,
    pipeline: 'diffusers',
    version: '1',
    variants: [
      {
        modelId: 'tiny-xl',
        name: 'Tiny XL',
        description: 'A pipeline without an enlarger.',
        aliases: [],
        leonardoId: '0199aaaa-0000-7000-8000-000000000001',
        isDefault: true,
        adapters: [],
      },
    ],
    limits,
    nativeSidePx: 512,
    pipelineFolder: 'pipeline',
    dtype: 'float32',
    picturesAtOnce: 1,
  }),
  limits,
  pipelineClass: undefined,
  capabilities: undefined,
  folder: '/nowhere/tiny-xl',
};

describe('pictures of an engine whose graphs run elsewhere', () => {
  let local: DiffusionEngine;
  let tasks: GraphTasks;
  let picture: Buffer;
  beforeAll(async () => {
    local = await openEngine({ engine: 'onnx', threads: 1, logger });
    tasks = new GraphTasks();
    picture = await sharp({ create: { width: 48, height: 40, channels: 3, background: '#d8d0c0' } })
      .composite([{ input: Buffer.from('<svg width="48" height="40"><circle cx="24" cy="20" r="12" fill="#c03030"/></svg>') }])
      .png()
      .toBuffer();
  });
  afterAll(async () => {
    await tasks.sessions.release();
    await local.close();
  });

  const withEngine = async (families: readonly Family[], use: (engine: RemoteEngine) => Promise<void>) => {
    tasks.asked.length = 0;
    let opened = 0;
    const openBundled = () => {
      opened += 1;
      return openEngine({ engine: 'onnx', threads: 1, logger });
    };
    const engine = new RemoteEngine('triton', families, tasks, logger, new BundledTools(openBundled));
    await use(engine).finally(() => engine.close());
    return opened;
  };
  const upscaled = async (engine: DiffusionEngine, modelId: string | undefined): Promise<EncodedImage> => {
    for await (const update of engine.upscale(modelId, picture, { widthPx: 240, heightPx: 200 }, never))
      if (update.type === 'image') return update.image;
    throw new Error('no picture');
  };
  const largestDifference = async (a: EncodedImage, b: EncodedImage) => {
    const [left, right] = [await sharp(a.bytes).raw().toBuffer(), await sharp(b.bytes).raw().toBuffer()];
    expect(left).toHaveLength(right.length);
    return left.reduce((most, value, at) => Math.max(most, Math.abs(value - right[at]!)), 0);
  };

  it('are enlarged and cut out by the graphs there, as in process', async () => {
    const opened = await withEngine(await loadFamilies(bundledModelsDir), async (engine) => {
      expect(await largestDifference(await upscaled(engine, 'mosaic-3d'), await upscaled(local, 'mosaic-3d'))).toBeLessThanOrEqual(1);
      expect(tasks.asked).toEqual(['superResolution/0', 'superResolution/1']);
      const cutOut = await engine.removeBackground('mosaic-3d', picture, never);
      expect(await largestDifference(cutOut, await local.removeBackground('mosaic-3d', picture, never))).toBeLessThanOrEqual(1);
      expect(tasks.asked.at(-1)).toBe('matting');
    });
    expect(opened).toBe(0);
  });

  it('are enlarged and cut out by another family there, when the own one cannot', async () => {
    const opened = await withEngine([diffusers, ...(await loadFamilies(bundledModelsDir))], async (engine) => {
      await upscaled(engine, 'tiny-xl');
      await engine.removeBackground('tiny-xl', picture, never);
      expect(tasks.asked).toEqual(['superResolution/0', 'superResolution/1', 'matting']);
    });
    expect(opened).toBe(0);
  });

  it('are enlarged and cut out in process, when no family there can', async () => {
    const opened = await withEngine([diffusers], async (engine) => {
      expect(await largestDifference(await upscaled(engine, 'tiny-xl'), await upscaled(local, undefined))).toBe(0);
      expect(await sharp((await engine.removeBackground('tiny-xl', picture, never)).bytes).metadata()).toMatchObject({ hasAlpha: true });
      expect(tasks.asked).toEqual([]);
      await expect(upscaled(engine, 'sdxl-turbo-9000')).rejects.toMatchObject({ reason: 'unknown_model' });
    });
    expect(opened).toBe(1);
  });

  it('are refused with what the other side says', async () => {
    await withEngine(await loadFamilies(bundledModelsDir), async (engine) => {
      tasks.refusal = unavailable('engine_unavailable', 'It has gone.');
      await expect(upscaled(engine, 'mosaic-3d')).rejects.toMatchObject({ reason: 'engine_unavailable' });
    });
  });
});
