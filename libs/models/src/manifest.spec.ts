import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { describeModels } from './describe-models.js';
import { bundledModelsDir, loadFamilies } from './families.js';
import { parseManifest } from './manifest.js';

const bundledJson = () => readFile(path.join(bundledModelsDir, 'mosaic/manifest.json'), 'utf8');

type Editable = { graphs: { denoiser?: unknown }; limits: Record<string, number>; guidance: { points: number[][] }; samplers: unknown[] };

/** The bundled manifest with one thing changed. */
async function changed(change: (manifest: Editable) => void): Promise<string> {
  const manifest: Editable = JSON.parse(await bundledJson());
  change(manifest);
  return JSON.stringify(manifest);
}

describe('the manifest', () => {
  it('that comes with Tessera is valid and has one default model that Leonardo clients find by its id', async () => {
    const models = describeModels('onnx', await loadFamilies(bundledModelsDir));
    expect(models.find((model) => model.isDefault)).toMatchObject({
      modelId: 'mosaic-3d',
      leonardoId: 'b24e16ff-06e3-43eb-8d33-4416c2d75876',
      nativeWidthPx: 128,
    });
  });

  it('that is not JSON is refused with the name of the file', () => {
    expect(() => parseManifest('{', '/models/x/manifest.json')).toThrow(/^\/models\/x\/manifest\.json: not JSON/);
  });

  it('names the entry that is missing', async () => {
    const json = await changed((manifest) => delete manifest.graphs.denoiser);
    expect(() => parseManifest(json, 'm.json')).toThrow(/^m\.json: graphs\.denoiser: /);
  });

  it('names an entry that nobody would read', async () => {
    const json = await changed((manifest) => (manifest.limits['maxStep'] = 3));
    expect(() => parseManifest(json, 'm.json')).toThrow(/^m\.json: limits: .*maxStep/);
  });

  it('must have a sampler for every number of steps', async () => {
    const json = await changed((manifest) => (manifest.samplers = [{ fromSteps: 2, shift: 1, order: 1 }]));
    expect(() => parseManifest(json, 'm.json')).toThrow('m.json: samplers must begin with 1 and rise');
  });

  it('must map guidance monotonically', async () => {
    const json = await changed(
      (manifest) =>
        (manifest.guidance.points = [
          [1, 2],
          [7, 1],
        ]),
    );
    expect(() => parseManifest(json, 'm.json')).toThrow('m.json: guidance.points must rise');
  });

  it('may not give one name to two models', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'models-'));
    for (const name of ['one', 'two']) {
      await mkdir(path.join(folder, name));
      await writeFile(path.join(folder, name, 'manifest.json'), await bundledJson());
    }
    await expect(loadFamilies(folder)).rejects.toThrow('two models are called "mosaic-3d"');
  });

  it('must exist', async () => {
    await expect(loadFamilies(await mkdtemp(path.join(tmpdir(), 'models-')))).rejects.toThrow('no folder in it holds a manifest.json');
    await expect(loadFamilies('/nowhere/at/all')).rejects.toThrow('cannot be read');
  });
});
