import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addAdapter } from './add-adapter.js';
import { type AddModelOptions, addModel } from './add-model.js';
import { shapesOf, writePipelineFolder, writeSafetensors } from './checkpoint.fixture.js';

let dir: string;
let modelsDir: string;
beforeEach(async () => {
  dir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-add-'));
  modelsDir = path.join(dir, 'models');
});
afterEach(() => fs.rm(dir, { recursive: true, force: true }));

const add = (from: string, options: Partial<AddModelOptions> = {}) =>
  addModel({ from, modelsDir, isTaken: () => false, isLinked: false, license: 'openrail++', ...options });
const file = (shapes: Readonly<Record<string, readonly number[]>>, metadata?: Record<string, string>) =>
  writeSafetensors(path.join(dir, 'My Model_v1.safetensors'), shapes, metadata);
const manifestIn = async (folder: string) => JSON.parse(await fs.readFile(path.join(folder, 'manifest.json'), 'utf8'));
const namesIn = async (folder: string) =>
  (await fs.readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted();

describe('a checkpoint in one file', () => {
  it.each([
    ['sdxl', 'StableDiffusionXLPipeline', 1024],
    ['sd15', 'StableDiffusionPipeline', 512],
  ] as const)('of %s is recognised and gets the settings of its architecture', async (kind, pipelineClass, nativeSidePx) => {
    const added = await add(await file(shapesOf[kind]));
    expect(added).toMatchObject({ modelId: 'my-model-v1', pipelineClass, nativeSidePx });
    expect(await manifestIn(added.folder)).toMatchObject({
      pipelineClass,
      singleFile: 'model.safetensors',
      configFolder: 'config',
      license: 'openrail++',
      source: 'My Model_v1.safetensors',
      limits: { maxSidePx: 2 * nativeSidePx },
    });
    const vocabulary = JSON.parse(await fs.readFile(path.join(added.folder, 'config', 'tokenizer', 'vocab.json'), 'utf8'));
    expect(Object.keys(vocabulary)).toHaveLength(49_408);
    // Of "a photo of a cat", as CLIP's tokenizer numbers it.
    expect(['<|startoftext|>', 'a</w>', 'photo</w>', 'of</w>', 'cat</w>', '<|endoftext|>'].map((word) => vocabulary[word])).toEqual([
      49_406, 320, 1_125, 539, 2_368, 49_407,
    ]);
  });

  it('that predicts the velocity is sampled so', async () => {
    const { folder } = await add(await file({ ...shapesOf.sdxl, v_pred: [0] }));
    const settings = JSON.parse(await fs.readFile(path.join(folder, 'config', 'scheduler', 'scheduler_config.json'), 'utf8'));
    expect(settings).toMatchObject({ prediction_type: 'v_prediction', rescale_betas_zero_snr: true });
  });

  it('takes its name and licence from what its maker wrote into it', async () => {
    const given = await file(shapesOf.sdxl, { 'modelspec.title': 'Sea Lions', 'modelspec.license': 'CC0-1.0' });
    expect(await add(given, { license: undefined })).toMatchObject({ modelId: 'sea-lions', license: 'CC0-1.0' });
  });

  it('of FLUX takes encoders and settings from a saved pipeline', async () => {
    const config = await writePipelineFolder(path.join(dir, 'flux'), { pipelineClass: 'FluxPipeline' });
    const { folder } = await add(await file(shapesOf.fluxTransformer), { config });
    expect(await manifestIn(folder)).toMatchObject({ pipelineClass: 'FluxPipeline', dtype: 'bfloat16' });
    expect(await namesIn(path.join(folder, 'config'))).toContain('model_index.json');
  });

  it.each([
    ['fluxTransformer', 'with --config'],
    ['sdxlInpainting', 'for inpainting alone'],
    ['sdxlRefiner', 'the refiner of SDXL'],
    ['sd2', 'Stable Diffusion 2'],
    ['fluxFill', 'FLUX.1 itself'],
    ['flux2', 'FLUX.2'],
    ['controlNet', 'a ControlNet'],
    ['kohyaLora', 'an adapter (LoRA)'],
    ['peftLora', 'an adapter (LoRA)'],
    ['unknown', 'no model of a kind that is known here'],
  ] as const)('%s is refused with a sentence, and leaves nothing behind', async (kind, sentence) => {
    await expect(add(await file(shapesOf[kind]))).rejects.toThrow(sentence);
    expect(await fs.readdir(modelsDir).catch(() => [])).toEqual([]);
  });

  it('that is cut off, pickled or no such file is refused', async () => {
    const whole = await fs.readFile(await file(shapesOf.sdxl));
    const cut = path.join(dir, 'cut.safetensors');
    await fs.writeFile(cut, whole.subarray(0, -10));
    await expect(add(cut)).rejects.toThrow('is cut off: 10 bytes are missing');
    await fs.writeFile(path.join(dir, 'noise.safetensors'), Buffer.alloc(64, 7));
    await expect(add(path.join(dir, 'noise.safetensors'))).rejects.toThrow('no safetensors file');
    await fs.writeFile(path.join(dir, 'old.ckpt'), 'x');
    await expect(add(path.join(dir, 'old.ckpt'))).rejects.toThrow('can run code');
    await expect(add(path.join(dir, 'nowhere.safetensors'))).rejects.toThrow('There is no');
  });

  it('needs a licence, and a name that no other model has', async () => {
    const given = await file(shapesOf.sdxl);
    await expect(add(given, { license: undefined })).rejects.toThrow('--license');
    await expect(add(given, { isTaken: (name) => name === 'my-model-v1' })).rejects.toThrow('called "my-model-v1" already');
    await add(given);
    await expect(add(given)).rejects.toThrow('is there already');
  });

  it('has a version that changes with its bytes', async () => {
    const given = await file(shapesOf.sdxl);
    const first = await manifestIn((await add(given, { modelId: 'one' })).folder);
    const same = await manifestIn((await add(given, { modelId: 'two', isLinked: true })).folder);
    const bytes = await fs.readFile(given);
    bytes[bytes.length - 1] = 1;
    await fs.writeFile(given, bytes);
    const other = await manifestIn((await add(given, { modelId: 'three' })).folder);
    expect(same.version).toBe(first.version);
    expect(other.version).not.toBe(first.version);
  });
});

describe('a folder', () => {
  it('that diffusers has saved is taken without what is not loaded', async () => {
    const saved = await writePipelineFolder(path.join(dir, 'saved'), { card: '---\nlicense: apache-2.0\n---\n# A model\n' });
    await fs.writeFile(path.join(saved, 'unet', 'diffusion_pytorch_model.bin'), 'pickle');
    await writeSafetensors(path.join(saved, 'unet', 'diffusion_pytorch_model.fp16.safetensors'), { weight: [4] });
    await writeSafetensors(path.join(saved, 'everything.safetensors'), shapesOf.sdxl);
    const added = await add(saved, { license: undefined });
    expect(added).toMatchObject({ modelId: 'saved', license: 'apache-2.0' });
    expect(await namesIn(path.join(added.folder, 'weights'))).toEqual([
      'README.md',
      'model_index.json',
      'scheduler/scheduler_config.json',
      'unet/diffusion_pytorch_model.safetensors',
    ]);
    expect(await manifestIn(added.folder)).toMatchObject({ pipelineFolder: 'weights', source: 'saved' });
  });

  it('of the hub with weights in half precision alone is taken with them, and its origin is recorded', async () => {
    const cache = path.join(dir, 'models--stabilityai--sdxl-turbo');
    await writePipelineFolder(path.join(cache, 'snapshots', 'a1b2c3d4e5f6a7'), { suffix: '.fp16' });
    await fs.mkdir(path.join(cache, 'refs'));
    await fs.writeFile(path.join(cache, 'refs', 'main'), 'a1b2c3d4e5f6a7');
    const added = await add(cache, { modelId: 'turbo' });
    expect(added.source).toBe('stabilityai/sdxl-turbo@a1b2c3d4e5f6');
    expect(await namesIn(path.join(added.folder, 'weights'))).toContain('unet/diffusion_pytorch_model.safetensors');
  });

  it('that is incomplete, pickled, or of a class that is not served is refused', async () => {
    const saved = await writePipelineFolder(path.join(dir, 'saved'), { pipelineClass: 'KandinskyPipeline' });
    await expect(add(saved)).rejects.toThrow('is a KandinskyPipeline, which is not served yet');
    const pickled = await writePipelineFolder(path.join(dir, 'pickled'));
    await fs.rename(
      path.join(pickled, 'unet', 'diffusion_pytorch_model.safetensors'),
      path.join(pickled, 'unet', 'diffusion_pytorch_model.bin'),
    );
    await expect(add(pickled)).rejects.toThrow('as a pickle');
    await fs.rm(path.join(pickled, 'unet'), { recursive: true });
    await expect(add(pickled)).rejects.toThrow('has no "unet"');
    await expect(add(path.dirname(pickled))).rejects.toThrow('no model_index.json');
  });
});

describe('an adapter', () => {
  it('is put beside its model under an id', async () => {
    const { folder } = await add(await file(shapesOf.sdxl));
    const lora = await writeSafetensors(path.join(dir, 'pixel.safetensors'), shapesOf.kohyaLora);
    await addAdapter(lora, { folder }, 'pixel');
    expect(await manifestIn(folder)).toMatchObject({ adapterFiles: { pixel: 'adapters/pixel.safetensors' } });
    await expect(addAdapter(lora, { folder }, 'pixel')).rejects.toThrow('has an adapter "pixel" already');
    await expect(addAdapter(await file(shapesOf.sdxl), { folder }, 'other')).rejects.toThrow('is no adapter');
  });
});
