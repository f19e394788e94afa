import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { readSafetensors, writeSafetensors, type Tensor } from '../../lora/safetensors.js';
import { openEngine } from '../../open-engine.js';
import { openTrainer } from '../../open-trainer.js';
import { describeAdapterTrainerConformance } from '../adapter-trainer.conformance.js';
import type { TrainingRequest, TrainingUpdate } from '../adapter-trainer.js';
import { OnnxTrainer } from './onnx-trainer.js';
import { ballPicture, trainingRequest } from '../training-set.factory.js';

const logger = pino({ level: 'silent' });
const signal = new AbortController().signal;
const modelId = 'mosaic-3d';

describeAdapterTrainerConformance('onnx', async () => {
  const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
  const { trainStep: _, ...graphs } = manifest!.graphs;
  const untrainable = { ...manifest!, graphs, variants: [{ ...manifest!.variants[0]!, modelId: 'finished' }] };
  return { trainer: new OnnxTrainer([manifest!, untrainable], 1, logger), modelId, untrainableModelId: 'finished' };
});

const train = async (fields: Partial<TrainingRequest> = {}, from?: Uint8Array): Promise<TrainingUpdate[]> => {
  const trainer = await openTrainer({ threads: 1, logger });
  const updates: TrainingUpdate[] = [];
  const request = await trainingRequest(modelId, fields);
  for await (const update of trainer.train(request, { signal, ...(from ? { from } : {}) })) updates.push(update);
  return updates;
};
const ofType = <Type extends TrainingUpdate['type']>(updates: readonly TrainingUpdate[], type: Type) =>
  updates.filter((update): update is Extract<TrainingUpdate, { type: Type }> => update.type === type);

/** A checkpoint after the first of so many steps, changed. */
const changedCheckpoint = async (
  fields: Partial<TrainingRequest>,
  change: (file: { tensors: Map<string, Tensor>; metadata: Record<string, string> }) => void,
): Promise<Uint8Array> => {
  const trainer = await openTrainer({ threads: 1, logger });
  for await (const update of trainer.train(await trainingRequest(modelId, fields), { signal })) {
    if (update.type !== 'checkpoint') continue;
    const { tensors, metadata } = readSafetensors(update.bytes);
    const file = { tensors: new Map(tensors), metadata: { ...metadata } };
    change(file);
    return writeSafetensors(file, 'F32');
  }
  throw new Error('The training ended without a checkpoint');
};

describe('training with the ONNX train step', () => {
  it('learns a thing from three pictures: the loss falls, and the word is generated as they show it', async () => {
    const fields: Partial<TrainingRequest> = { focus: 'object', trigger: { word: 'zorb', noun: 'ball' }, steps: 50, rank: 8 };
    const updates = await train({ ...fields, checkpointEverySteps: 50, augmentation: { flips: false, crops: false } });
    const losses = ofType(updates, 'step').map(({ loss }) => loss);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(losses).toHaveLength(50);
    expect(mean(losses.slice(-10))).toBeLessThan(0.85 * mean(losses.slice(0, 10)));

    const engine = await openEngine({ engine: 'onnx', threads: 2, logger });
    const magentaShare = async (weight: number) => {
      const requests = [{ requestId: 'r', prompt: 'a ball in the snow', negativePrompt: '', seed: 3, images: 1, style: 'NONE' }];
      const adapters = [{ id: 'ball', bytes: ofType(updates, 'adapter')[0]!.bytes, weight }];
      const batch = { modelId, widthPx: 128, heightPx: 128, steps: 8, guidanceScale: 7, previewEverySteps: 0, requests, adapters };
      for await (const update of engine.generate(batch, signal)) {
        if (update.type !== 'image') continue;
        const pixels = await sharp(update.image.bytes).removeAlpha().raw().toBuffer();
        const isMagenta = (red: number, at: number) => red > 120 && (pixels[at + 1] ?? 0) < 0.6 * red && (pixels[at + 2] ?? 0) > 0.6 * red;
        return pixels.filter((value, at) => at % 3 === 0 && isMagenta(value, at)).length / (pixels.length / 3);
      }
      throw new Error('The engine ended without a picture');
    };
    const [without, withIt] = [await magentaShare(0), await magentaShare(1)];
    await engine.close();
    expect(withIt).toBeGreaterThan(without + 0.02);
    // Half a minute of two calm cores.
  }, 300_000);

  it('learns from pictures of several things, mirrored or not', async () => {
    const two = await sharp(await ballPicture('#7fb2e5', 90))
      .resize(128, 128)
      .extend({ right: 128, background: '#7fb2e5' })
      .png()
      .toBuffer();
    const pictures = ['a ball and a cat', 'a ball on top of a table', 'a ball, a cat and a dog in the snow', 'a meadow'].map((caption) => ({
      bytes: two,
      caption,
      split: 'train' as const,
    }));
    const updates = await train({ pictures, steps: 3 });
    expect(ofType(updates, 'step').every(({ loss }) => Number.isFinite(loss) && loss > 0)).toBe(true);
  }, 120_000);

  it('says that it has diverged when the loss is no number any more', async () => {
    const fields = { steps: 4, checkpointEverySteps: 1 };
    const from = await changedCheckpoint(fields, ({ tensors }) => {
      for (const [name, { shape, data }] of tensors) if (name.startsWith('now.')) tensors.set(name, { shape, data: data.map(() => 1e30) });
    });
    await expect(train(fields, from)).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'training_diverged' });
  }, 120_000);

  it('stops when the validation loss has risen twice running, delivers the best state and shows its samples; or goes on when told to', async () => {
    const fields = { steps: 4, checkpointEverySteps: 1, samplePrompts: ['a ball'], sampleEverySteps: 4 };
    const afterOneRise = ({ metadata }: { metadata: Record<string, string> }) => {
      const validation = { last: 1e-9, rises: 1, best: { step: 1, loss: 1e-9 } };
      metadata.validation = JSON.stringify(validation);
    };
    const stopped = await train(fields, await changedCheckpoint(fields, afterOneRise));
    expect(ofType(stopped, 'step').map(({ step }) => step)).toEqual([2]);
    expect(ofType(stopped, 'validation').map(({ isBest }) => isBest)).toEqual([false]);
    expect(ofType(stopped, 'sample').map(({ step, withTrigger }) => [step, withTrigger])).toEqual([[1, true]]);
    expect(ofType(stopped, 'adapter')).toMatchObject([{ step: 1, stepsRun: 2 }]);
    const toTheEnd = { ...fields, earlyStop: false };
    const finished = await train(toTheEnd, await changedCheckpoint(toTheEnd, afterOneRise));
    expect(ofType(finished, 'adapter')).toMatchObject([{ step: 1, stepsRun: 4 }]);
  }, 240_000);

  it('learns from prior pictures beside its own, the same ones when it goes on', async () => {
    const fields = { steps: 2, checkpointEverySteps: 1, priorShare: 0.5 };
    const unbroken = await train(fields);
    const [first] = ofType(unbroken, 'checkpoint');
    expect(ofType(await train(fields, first!.bytes), 'adapter')).toEqual(ofType(unbroken, 'adapter'));
    expect(ofType(await train({ ...fields, priorShare: 0 }), 'adapter')).not.toEqual(ofType(unbroken, 'adapter'));
  }, 480_000);

  it('refuses a noun that the model does not know', async () => {
    const asked = train({ focus: 'object', trigger: { word: 'zorb', noun: 'qwertyuiop' } });
    await expect(asked).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'invalid_training', param: 'trigger' });
  });
});
