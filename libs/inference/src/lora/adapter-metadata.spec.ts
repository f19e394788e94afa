import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { readAdapter } from './adapter.js';
import { type TrainedAs, writeTrainedAdapter } from './adapter-metadata.js';
import { type Tensor, tensorBytesOf } from './safetensors.js';

const trained = (fields: Partial<TrainedAs> = {}): TrainedAs => ({
  modelId: 'mosaic-3d',
  family: 'mosaic',
  familyVersion: '0.4.0',
  sidePx: 128,
  focus: 'style',
  title: undefined,
  license: undefined,
  date: undefined,
  trigger: undefined,
  rank: 2,
  step: 10,
  learningRate: 2e-3,
  seed: 1,
  pictures: 12,
  ...fields,
});
const tensors = new Map([['down.a', { shape: [1, 2, 2], data: Float32Array.of(1, 2, 3, 4) }]]);
const shapeOf = async () => {
  const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
  return { folder: manifest!.folder, shape: manifest!.adapters! };
};

describe('the file of a trained adapter', () => {
  it('names the digest of its own numbers, which what it says about itself does not change', () => {
    const [plain, titled] = [writeTrainedAdapter(tensors, trained()), writeTrainedAdapter(tensors, trained({ title: 'Dusk' }))];
    const digest = createHash('sha256').update(tensorBytesOf(titled.bytes)).digest('hex');
    expect(titled.metadata).toMatchObject({ 'modelspec.hash_sha256': `0x${digest}`, sshs_model_hash: digest, 'modelspec.title': 'Dusk' });
    expect(plain.metadata['modelspec.hash_sha256']).toBe(titled.metadata['modelspec.hash_sha256']);
  });

  it('leaves out what is not known', () => {
    const { metadata } = writeTrainedAdapter(tensors, trained());
    expect(Object.keys(metadata).filter((key) => /license|date|trigger|noun/.test(key))).toEqual([]);
    expect(metadata['modelspec.title']).toBe('mosaic-3d style');
  });

  it('is read as any adapter is, and so are those that come with the models', async () => {
    const { folder, shape } = await shapeOf();
    const matrices = new Map(
      shape.layers.flatMap(({ name, inputs, outputs }): [string, Tensor][] => [
        [`down.${name}`, { shape: [shape.blocks, inputs, 2], data: new Float32Array(shape.blocks * inputs * 2).fill(0.5) }],
        [`up.${name}`, { shape: [shape.blocks, 2, outputs], data: new Float32Array(shape.blocks * outputs * 2).fill(0.25) }],
      ]),
    );
    const { bytes, metadata } = writeTrainedAdapter(matrices, trained());
    expect(readAdapter(bytes, shape)).toEqual({ rank: 2, tensors: matrices, metadata });
    const bundled = await Promise.all(Object.values(shape.files).map((file) => readFile(path.join(folder, file))));
    expect(bundled.map((file) => readAdapter(file, shape).rank).every((rank) => rank > 0)).toBe(true);
  });
});
