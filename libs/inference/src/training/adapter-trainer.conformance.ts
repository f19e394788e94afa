import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { readSafetensors } from '../lora/safetensors.js';
import type { AdapterTrainer, TrainingRequest, TrainingUpdate } from './adapter-trainer.js';
import { ballPictures, trainingRequest } from './training-set.factory.js';

type Opened = {
  readonly trainer: AdapterTrainer;
  /** One that can be trained, and one that cannot. */
  readonly modelId: string;
  readonly untrainableModelId: string;
};

const never = new AbortController().signal;
/** A few trainings of a few steps each, on cores that others share. */
const timeoutMs = 480_000;

async function all(updates: AsyncIterable<TrainingUpdate>): Promise<TrainingUpdate[]> {
  const list: TrainingUpdate[] = [];
  for await (const update of updates) list.push(update);
  return list;
}
/** How long something took is another every time. */
const lasting = (updates: readonly TrainingUpdate[]) =>
  updates.filter((update): update is Exclude<TrainingUpdate, { type: 'stage' }> => update.type !== 'stage');
const ofType = <Type extends TrainingUpdate['type']>(updates: readonly TrainingUpdate[], type: Type) =>
  updates.filter((update): update is Extract<TrainingUpdate, { type: Type }> => update.type === type);
const adapterOf = (updates: readonly TrainingUpdate[]) => ofType(updates, 'adapter')[0]!;

/** What every trainer guarantees, whatever it trains with. */
export function describeAdapterTrainerConformance(name: string, open: () => Promise<Opened>): void {
  describe(`the adapter trainer "${name}"`, () => {
    const trained = async (fields: Partial<TrainingRequest> = {}, from?: Uint8Array) => {
      const { trainer, modelId } = await open();
      return all(trainer.train(await trainingRequest(modelId, fields), { signal: never, ...(from ? { from } : {}) }));
    };

    it('describes within which bounds a model can be trained, and which cannot', async () => {
      const { trainer, modelId, untrainableModelId } = await open();
      const { bounds } = await trainer.describe(modelId);
      expect(bounds?.rankMax).toBeGreaterThanOrEqual(4);
      expect(bounds?.rows).toBeGreaterThanOrEqual(1);
      expect(await trainer.describe(untrainableModelId)).toEqual({ modelId: untrainableModelId, bounds: undefined });
      await expect(trainer.describe('nobody')).rejects.toMatchObject({ reason: 'unknown_model' });
    });

    it(
      'counts its steps, validates before it begins and with each checkpoint, and ends with an adapter',
      async () => {
        const updates = await trained();
        expect(lasting(updates).map((update) => `${update.type} ${update.step}`)).toEqual([
          'validation 0',
          ...['step 1', 'step 2', 'validation 2', 'checkpoint 2'],
          ...['step 3', 'step 4', 'validation 4', 'checkpoint 4'],
          `adapter ${adapterOf(updates).step}`,
        ]);
        expect(ofType(updates, 'step').every(({ loss, steps, learningRate }) => loss > 0 && steps === 4 && learningRate > 0)).toBe(true);
        const best = ofType(updates, 'validation').findLast(({ isBest }) => isBest);
        expect(adapterOf(updates)).toMatchObject({ step: best?.step, stepsRun: 4 });
      },
      timeoutMs,
    );

    it(
      'gives the same request and seed the same bytes, and another seed others',
      async () => {
        const [one, again, other] = [await trained({ steps: 2 }), await trained({ steps: 2 }), await trained({ steps: 2, seed: 2 })];
        expect(lasting(again)).toEqual(lasting(one));
        expect(adapterOf(other).sha256).not.toBe(adapterOf(one).sha256);
      },
      timeoutMs,
    );

    it(
      'goes on from every checkpoint as if it had never stopped, to the byte',
      async () => {
        const fields = { steps: 4, checkpointEverySteps: 1, samplePrompts: ['a ball'], sampleEverySteps: 4, earlyStop: false };
        const unbroken = lasting(await trained(fields));
        for (const stopped of [1, 2, 4]) {
          const at = unbroken.findIndex((update) => update.type === 'checkpoint' && update.step === stopped);
          const { bytes } = ofType(unbroken.slice(at), 'checkpoint')[0]!;
          expect(lasting(await trained(fields, bytes))).toEqual(unbroken.slice(at + 1));
        }
      },
      timeoutMs,
    );

    it(
      'is stopped between steps, and goes on from the last checkpoint that it handed out',
      async () => {
        const unbroken = await trained({ steps: 2, checkpointEverySteps: 1 });
        const { trainer, modelId } = await open();
        const request = await trainingRequest(modelId, { steps: 2, checkpointEverySteps: 1 });
        await expect(all(trainer.train(request, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ kind: 'Cancelled' });
        const controller = new AbortController();
        let from: Uint8Array | undefined;
        const watching = (async () => {
          for await (const update of trainer.train(request, { signal: controller.signal })) {
            if (update.type !== 'checkpoint') continue;
            from = update.bytes;
            controller.abort();
          }
        })();
        await expect(watching).rejects.toMatchObject({ kind: 'Cancelled', reason: 'training_cancelled' });
        expect(adapterOf(await all(trainer.train(request, { signal: never, from: from! }))).sha256).toBe(adapterOf(unbroken).sha256);
      },
      timeoutMs,
    );

    it(
      'shows each prompt without the trigger once, and with it as often as asked, at the same size',
      async () => {
        const updates = await trained({ steps: 3, samplePrompts: ['a ball', 'a cat'], sampleEverySteps: 2, pictures: await onlyLearned() });
        const samples = ofType(updates, 'sample');
        expect(samples.map(({ step, index, withTrigger }) => [step, index, withTrigger])).toEqual([
          ...[
            [0, 0, false],
            [0, 1, false],
          ],
          ...[
            [2, 0, true],
            [2, 1, true],
          ],
          ...[
            [3, 0, true],
            [3, 1, true],
          ],
        ]);
        const sizes = await Promise.all(samples.map(({ image }) => sharp(image.bytes).metadata()));
        expect(new Set(sizes.map(({ width, height }) => `${width}x${height}`)).size).toBe(1);
      },
      timeoutMs,
    );

    it(
      'validates nothing and delivers the last state when no picture is held out',
      async () => {
        const updates = await trained({ pictures: await onlyLearned() });
        expect(ofType(updates, 'validation')).toEqual([]);
        expect(adapterOf(updates)).toMatchObject({ step: 4, stepsRun: 4 });
      },
      timeoutMs,
    );

    it(
      'writes a file that says what it is, and neither names of files nor captions',
      async () => {
        const about = { title: 'Magenta', license: 'CC0-1.0', date: '2026-01-02T03:04:05Z' };
        const trigger = { word: 'zorb', noun: 'ball' };
        const adapter = adapterOf(await trained({ focus: 'object', trigger, about, steps: 1 }));
        const { metadata } = readSafetensors(adapter.bytes);
        expect(metadata).toEqual(adapter.metadata);
        expect(metadata).toMatchObject({
          'modelspec.sai_model_spec': '1.0.1',
          'modelspec.title': 'Magenta',
          'modelspec.license': 'CC0-1.0',
          'modelspec.date': '2026-01-02T03:04:05Z',
          'modelspec.trigger_phrase': 'zorb',
          'modelspec.hash_sha256': expect.stringMatching(/^0x[0-9a-f]{64}$/),
          ss_network_module: 'networks.lora',
          ss_network_dim: '4',
          ss_network_alpha: expect.any(String),
          ss_base_model_version: expect.any(String),
          ss_v2: 'False',
          ss_steps: '1',
          ss_num_train_images: '3',
        });
        for (const key of ['modelspec.architecture', 'modelspec.implementation', 'modelspec.resolution', 'ss_network_args'])
          expect(metadata).toHaveProperty([key]);
        expect(JSON.stringify(metadata)).not.toMatch(/snow|garden/);
        expect(adapter.sha256).toBe(createHash('sha256').update(adapter.bytes).digest('hex'));
      },
      timeoutMs,
    );

    it(
      'makes the adapter of any checkpoint: of the best one, the one that it delivered',
      async () => {
        const { trainer, modelId } = await open();
        const request = await trainingRequest(modelId, { steps: 2, checkpointEverySteps: 1 });
        const updates = await all(trainer.train(request, { signal: never }));
        const delivered = adapterOf(updates);
        const exported = await Promise.all(
          ofType(updates, 'checkpoint').map(({ bytes }) => trainer.exportCheckpoint(request, bytes, never)),
        );
        expect(exported.map(({ step }) => step)).toEqual([1, 2]);
        expect(exported.find(({ step }) => step === delivered.step)?.sha256).toBe(delivered.sha256);
      },
      timeoutMs,
    );

    it('measures pictures in their order', async () => {
      const { trainer, modelId } = await open();
      const [first, second] = (await ballPictures()).map(({ bytes }) => bytes);
      const [a, b, again] = await trainer.measure(modelId, [first!, second!, first!], never);
      expect(again).toEqual(a);
      expect(b).not.toEqual(a);
    });

    describe('refuses', () => {
      const picture = async (bytes: Uint8Array) => [{ bytes, caption: 'a ball', split: 'train' as const }];
      const cases: [string, () => Promise<Partial<TrainingRequest>>, string, string][] = [
        ['no pictures', async () => ({ pictures: [] }), 'invalid_training', 'pictures'],
        ['only pictures that are held out', async () => ({ pictures: (await ballPictures()).slice(3) }), 'invalid_training', 'pictures'],
        [
          'a caption of 100 KB',
          async () => ({ pictures: [{ ...(await ballPictures())[0]!, caption: 'ball '.repeat(20_000) }] }),
          'invalid_training',
          'pictures',
        ],
        [
          'a text that is called a picture',
          async () => ({ pictures: await picture(Buffer.from('text')) }),
          'unreadable_picture',
          'pictures',
        ],
        [
          'a picture that is cut off',
          async () => ({ pictures: await picture((await ballPictures())[0]!.bytes.subarray(0, 400)) }),
          'unreadable_picture',
          'pictures',
        ],
        ['no steps', async () => ({ steps: 0 }), 'invalid_training', 'steps'],
        ['more steps than a training may have', async () => ({ steps: 1e9 }), 'invalid_training', 'steps'],
        ['a rank beyond its bounds', async () => ({ rank: 100_000 }), 'invalid_training', 'rank'],
        ['a learning rate that is no number', async () => ({ learningRate: Number.NaN }), 'invalid_training', 'learning_rate'],
        ['a learning rate of infinity', async () => ({ learningRate: Number.POSITIVE_INFINITY }), 'invalid_training', 'learning_rate'],
        ['a prior share of all', async () => ({ priorShare: 1 }), 'invalid_training', 'prior_share'],
        ['an object without a noun', async () => ({ focus: 'object', trigger: { word: 'zorb' } }), 'invalid_training', 'trigger'],
        [
          'a mirrored character',
          async () => ({ focus: 'character', trigger: { word: 'zorb', noun: 'ball' } }),
          'invalid_training',
          'augmentation',
        ],
        ['a model that nobody knows', async () => ({ modelId: 'nobody' }), 'unknown_model', 'model_id'],
      ];
      it.each(cases)('%s', async (_what, fields, reason, param) => {
        await expect(trained(await fields())).rejects.toMatchObject({ kind: 'InvalidArgument', reason, param });
      });

      it('a model that cannot be trained', async () => {
        const { untrainableModelId } = await open();
        const asked = trained({ modelId: untrainableModelId });
        await expect(asked).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'unsupported_training', param: 'model_id' });
      });

      it(
        'a checkpoint of another request, and what is no checkpoint',
        async () => {
          const { bytes } = ofType(await trained({ steps: 1 }), 'checkpoint')[0]!;
          await expect(trained({ steps: 1, seed: 2 }, bytes)).rejects.toMatchObject({ reason: 'foreign_checkpoint', param: 'checkpoint' });
          for (const broken of [bytes.subarray(0, bytes.length - 4), Buffer.from('text'), adapterOf(await trained({ steps: 1 })).bytes])
            await expect(trained({ steps: 1 }, broken)).rejects.toMatchObject({ reason: 'unreadable_checkpoint', param: 'checkpoint' });
        },
        timeoutMs,
      );
    });
  });
}

const onlyLearned = async () => (await ballPictures()).filter(({ split }) => split === 'train');
