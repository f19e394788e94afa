import { randomBytes } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CaptionSource, PictureSource } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { measurePicture } from '@tessera/service-training/datasets/checks/measure-picture.js';
import { drawing, pngOf } from '@tessera/service-training/datasets/checks/pictures.fixture.js';
import { zipOf } from '@tessera/service-training/datasets/zip/zip.fixture.js';
import { newDataDir, removeDataDir } from '../profiles.js';
import { runDatasets, type RunningDatasets } from './datasets.factory.js';

const minuteMs = 60_000;
const backgrounds = ['#777', '#866', '#686', '#668', '#886', '#688', '#868', '#787', '#778', '#877'];

describe('datasets', () => {
  let running: RunningDatasets;
  let dataDir: string;
  let optOutFile: string;
  let accountId: string;
  /** Ten that belong together. */
  let set: readonly Buffer[];
  const pictures = (count: number) => set.slice(0, count);

  beforeAll(async () => {
    dataDir = await newDataDir();
    optOutFile = path.join(dataDir, 'opt-out.txt');
    await writeFile(optOutFile, '# nobody yet\n');
    [running, set] = await Promise.all([
      runDatasets({ dataDir, trainingOptOutFile: optOutFile, datasetPicturesMax: 15 }),
      Promise.all(backgrounds.map((background, seed) => pngOf({ seed: seed + 1, background, widthPx: 300, heightPx: 300 }))),
    ]);
    accountId = await running.openAccount();
  }, 60_000);
  afterAll(async () => {
    await running.close();
    await removeDataDir(dataDir);
  });

  const created = async (asked: { name?: string; trigger?: string } = {}, owner = accountId) =>
    (await running.datasets.createDataset({ accountId: owner, name: 'foxes', ...asked })).dataset!.datasetId;
  const shown = (datasetId: string, owner = accountId) => running.datasets.getDataset({ accountId: owner, datasetId });
  const add = async (datasetId: string, bytes: Uint8Array, fileName = '', notes = {}) =>
    (await running.add(accountId, datasetId, fileName, bytes, notes)).pictures[0]!;
  const form = (datasetId: string, extension = 'png') => running.datasets.createPictureUpload({ accountId, datasetId, extension });

  it('hold what was added, with its words, and open it by a link', async () => {
    const datasetId = await created({ trigger: 'zorb' });
    const notes = { provenance: 'drawn for us in 2025', licence: 'CC0-1.0' };
    await add(datasetId, set[0]!, 'a zorb fox.png', notes);
    await add(datasetId, set[1]!, 'IMG_0001.png', { caption: '  a zorb in snow ', ...notes });
    const answer = await shown(datasetId);
    expect(answer.dataset).toMatchObject({ name: 'foxes', trigger: 'zorb', pictures: 2, picturesMax: 15 });
    expect(answer.pictures).toMatchObject([
      { caption: 'a zorb fox', captionSource: CaptionSource.FILE_NAME, source: PictureSource.UPLOAD, fileName: 'a zorb fox.png', ...notes },
      { caption: 'a zorb in snow', captionSource: CaptionSource.GIVEN, widthPx: 300, heightPx: 300, contentType: 'image/png' },
    ]);
    const file = await fetch(answer.pictures[0]!.url);
    expect(Buffer.from(await file.arrayBuffer())).toEqual(set[0]);
    expect(answer.warnings.map(({ code }) => code)).toEqual(['small_pictures', 'few_pictures']);
  });

  it('take what is posted to a form, when they are read', async () => {
    const datasetId = await created();
    const [one, other] = [await form(datasetId), await form(datasetId)];
    expect(await shown(datasetId)).toMatchObject({ awaited: 2, pictures: [], dataset: { pictures: 2 } });
    expect(await running.post(one, set[0]!)).toBe(204);
    expect(await shown(datasetId)).toMatchObject({
      awaited: 1,
      pictures: [{ pictureId: one.pictureId, source: PictureSource.FORM, captionSource: CaptionSource.UNSPECIFIED }],
    });
    running.clock.advance(12 * minuteMs);
    expect(await shown(datasetId)).toMatchObject({ awaited: 0, dataset: { pictures: 1 }, refused: [] });
    await expect(running.datasets.deletePicture({ accountId, datasetId, pictureId: other.pictureId })).rejects.toMatchObject({
      reason: 'unknown_dataset_picture',
    });
  });

  it('say what came by a form and cannot be used, and keep nothing of it', async () => {
    const owner = await running.openAccount();
    const datasetId = await created({}, owner);
    const ask = () => running.datasets.createPictureUpload({ accountId: owner, datasetId, extension: 'png' });
    await running.post(await ask(), Buffer.from('just some words'));
    await running.post(await ask(), await pngOf({ widthPx: 255, heightPx: 900 }));
    const answer = await shown(datasetId, owner);
    expect(answer).toMatchObject({ awaited: 0, pictures: [], dataset: { pictures: 0 } });
    expect(answer.refused.map(({ reason }) => reason)).toEqual(['picture_too_small', 'not_an_image']);
    await running.filesRemoved();
    expect(await running.files(owner)).toEqual([]);
  });

  it('take a zip: captions from texts beside pictures, else from names; what cannot be used is named', async () => {
    const datasetId = await created();
    const zip = zipOf({
      'set/fox one.png': set[0]!,
      'set/0002.png': set[1]!,
      'set/0002.txt': Buffer.from('\ufeffa zorb\n in snow'),
      'set/words.png': Buffer.from('just some words'),
      'set/long.png': set[2]!,
      'set/long.txt': Buffer.from(randomBytes(50_000).toString('hex')),
      'set/notes.pdf': Buffer.from('%PDF'),
      '__MACOSX/set/._fox one.png': Buffer.from('x'),
      'set/.DS_Store': Buffer.from('x'),
    });
    const answer = await running.add(accountId, datasetId, 'set.zip', zip, { licence: 'CC0-1.0' });
    expect(answer.pictures).toMatchObject([
      {
        caption: 'fox one',
        captionSource: CaptionSource.FILE_NAME,
        source: PictureSource.ZIP,
        fileName: 'fox one.png',
        licence: 'CC0-1.0',
      },
      { caption: 'a zorb in snow', captionSource: CaptionSource.GIVEN, fileName: '0002.png' },
    ]);
    expect(answer.refused.map(({ fileName, reason }) => [fileName, reason])).toEqual([
      ['words.png', 'not_an_image'],
      ['long.png', 'zip_too_large'],
      ['notes.pdf', 'not_an_image'],
    ]);
    expect((await shown(datasetId)).pictures).toHaveLength(2);
  });

  it('keep a copy of a generated picture, which outlives its job', async () => {
    const datasetId = await created();
    const assetId = await running.generated(accountId, set[3]!);
    await running.datasets.addGeneratedPicture({ accountId, datasetId, assetId, notes: { caption: 'a fox' } });
    await running.storage.deleteAsset({ accountId, assetId });
    const [picture] = (await shown(datasetId)).pictures;
    expect(picture).toMatchObject({ source: PictureSource.GENERATION, generatedAssetId: assetId, caption: 'a fox' });
    expect((await fetch(picture!.url)).status).toBe(200);
  });

  it('refuse a generated picture that is none, or another account’s', async () => {
    const datasetId = await created();
    const theirs = await running.generated(await running.openAccount(), set[3]!);
    const { assetId } = (await running.storage.createUpload({ accountId, extension: 'png' }))!;
    for (const wrong of [theirs, assetId, 'nothing', '../..'])
      await expect(running.datasets.addGeneratedPicture({ accountId, datasetId, assetId: wrong })).rejects.toMatchObject({
        kind: 'NotFound',
        reason: 'unknown_asset',
      });
  });

  it('change words and names, and lose a picture', async () => {
    const datasetId = await created();
    const { pictureId } = await add(datasetId, set[0]!);
    await running.datasets.updatePicture({ accountId, datasetId, pictureId, caption: 'a zorb', licence: 'CC-BY-4.0' });
    await running.datasets.updateDataset({ accountId, datasetId, name: 'zorbs', trigger: 'zorb' });
    expect(await shown(datasetId)).toMatchObject({
      dataset: { name: 'zorbs', trigger: 'zorb', description: '' },
      pictures: [{ caption: 'a zorb', captionSource: CaptionSource.GIVEN, licence: 'CC-BY-4.0' }],
    });
    await running.datasets.deletePicture({ accountId, datasetId, pictureId });
    expect(await shown(datasetId)).toMatchObject({ pictures: [], dataset: { pictures: 0 } });
  });

  describe('refuse', () => {
    it.each([
      ['a text named png', () => Buffer.from('just some words'), 'not_an_image'],
      ['nothing', () => Buffer.alloc(0), 'not_an_image'],
      ['a picture that is too small', () => pngOf({ widthPx: 255 }), 'picture_too_small'],
      ['a zip bomb', () => zipOf({ 'a.png': Buffer.alloc(20_000_000) }), 'zip_too_large'],
      ['a zip that is cut off', () => zipOf({ 'a.png': set[0]! }).subarray(0, 900), 'zip_unreadable'],
    ])('%s', async (_what, bytesOf, reason) => {
      const datasetId = await created();
      await expect(running.add(accountId, datasetId, 'a.png', await bytesOf())).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
      expect(await shown(datasetId)).toMatchObject({ pictures: [], dataset: { pictures: 0 } });
    });

    it('forms for files that are no pictures', async () => {
      const datasetId = await created();
      for (const extension of ['safetensors', 'gif', '', '__proto__'])
        await expect(form(datasetId, extension)).rejects.toMatchObject({ reason: 'invalid_file_extension', param: 'extension' });
      expect(await shown(datasetId)).toMatchObject({ dataset: { pictures: 0 } });
    });

    it('captions and notes that are too long', async () => {
      const datasetId = await created();
      await expect(add(datasetId, set[0]!, 'a.png', { caption: 'x'.repeat(100_000) })).rejects.toMatchObject({
        reason: 'caption_too_long',
      });
      await expect(add(datasetId, set[0]!, 'a.png', { licence: 'x'.repeat(501) })).rejects.toMatchObject({ param: 'licence' });
      await expect(created({ name: ' ' })).rejects.toMatchObject({ reason: 'invalid_field', param: 'name' });
    });

    it('one picture more than fits, alone, by a form, at once or in a zip, and keep the others', async () => {
      const datasetId = await created();
      await running.add(accountId, datasetId, 'set.zip', zipOf(Object.fromEntries(pictures(2).map((bytes, at) => [`${at}.png`, bytes]))));
      for (let at = 0; at < 11; at++) await form(datasetId);
      const four = zipOf(Object.fromEntries(pictures(4).map((bytes, at) => [`${at}.png`, bytes])));
      await expect(running.add(accountId, datasetId, 'more.zip', four)).rejects.toMatchObject({
        kind: 'FailedPrecondition',
        reason: 'dataset_full',
      });
      const forms = await Promise.allSettled(Array.from({ length: 5 }, () => form(datasetId)));
      expect(forms.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
      await expect(add(datasetId, set[9]!)).rejects.toMatchObject({ reason: 'dataset_full' });
      expect(await shown(datasetId)).toMatchObject({ dataset: { pictures: 15 }, awaited: 13 });
    });

    it('to show, change or delete what is another account’s, as if it did not exist', async () => {
      const datasetId = await created();
      const { pictureId } = await add(datasetId, set[0]!);
      const { version } = await running.datasets.freezeDataset({ accountId, datasetId });
      const stranger = await running.openAccount();
      const { datasets } = running;
      const theirs = { accountId: stranger, datasetId };
      const elsewhere = { accountId: stranger, datasetId: '0199aaaa-0000-7000-8000-000000000000' };
      for (const where of [theirs, elsewhere])
        for (const call of [
          () => datasets.getDataset(where),
          () => datasets.updateDataset({ ...where, name: 'mine' }),
          () => datasets.deleteDataset(where),
          () => datasets.createPictureUpload({ ...where, extension: 'png' }),
          () => running.add(stranger, where.datasetId, 'a.png', set[0]!),
          () => datasets.addGeneratedPicture({ ...where, assetId: 'x' }),
          () => datasets.updatePicture({ ...where, pictureId, caption: 'mine' }),
          () => datasets.deletePicture({ ...where, pictureId }),
          () => datasets.freezeDataset(where),
          () => datasets.listVersions(where),
          () => datasets.getVersion({ ...where, digest: version!.digest }),
        ])
          await expect(call()).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_dataset', message: 'There is no such dataset.' });
      expect((await datasets.listDatasets({ accountId: stranger })).datasets).toEqual([]);
      expect((await shown(datasetId)).pictures).toHaveLength(1);
      const other = await created();
      await expect(datasets.updatePicture({ accountId, datasetId: other, pictureId, caption: 'x' })).rejects.toMatchObject({
        reason: 'unknown_dataset_picture',
      });
    });

    it('works on the opt-out list, however they are scaled, and stop to learn from those that came before', async () => {
      const datasetId = await created();
      await add(datasetId, set[4]!);
      const { perceptualHash } = await measurePicture(set[5]!);
      const { sha256 } = await measurePicture(set[4]!);
      await appendFile(optOutFile, `${sha256}\n${perceptualHash}\n`);
      const smaller = await drawing({ seed: 6, background: '#688', widthPx: 300, heightPx: 300 }).resize(270).jpeg().toBuffer();
      for (const bytes of [set[4]!, set[5]!, smaller])
        await expect(add(datasetId, bytes)).rejects.toMatchObject({ kind: 'PermissionDenied', reason: 'picture_opted_out' });
      expect((await shown(datasetId)).warnings.map(({ code }) => code)).toEqual(['opted_out', 'few_pictures']);
      await expect(running.datasets.freezeDataset({ accountId, datasetId })).rejects.toMatchObject({ reason: 'no_usable_pictures' });
      await writeFile(optOutFile, 'a line that is none\n');
      await expect(add(datasetId, set[4]!)).rejects.toMatchObject({ reason: 'picture_opted_out' });
      await writeFile(optOutFile, '');
      expect((await shown(datasetId)).pictures).toHaveLength(1);
      await expect(add(datasetId, set[4]!)).resolves.toMatchObject({ sha256 });
    });
  });

  it('are listed newest first, page by page', async () => {
    const owner = await running.openAccount();
    for (const name of ['a', 'b', 'c']) {
      await created({ name }, owner);
      running.clock.advance(1);
    }
    const first = await running.datasets.listDatasets({ accountId: owner, pageSize: 2 });
    const rest = await running.datasets.listDatasets({ accountId: owner, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.datasets, ...rest.datasets].map(({ name }) => name)).toEqual(['c', 'b', 'a']);
    expect(rest.nextPageToken).toBe('');
  });

  it('leave no file behind when they are deleted', async () => {
    const owner = await running.openAccount();
    const datasetId = await created({}, owner);
    await running.add(owner, datasetId, 'a.png', set[0]!);
    const frozen = await running.datasets.freezeDataset({ accountId: owner, datasetId });
    await running.datasets.deletePicture({ accountId: owner, datasetId, pictureId: frozen.pictures[0]!.picture!.pictureId });
    await running.add(owner, datasetId, 'b.png', set[1]!);
    expect(await running.files(owner)).toHaveLength(2);
    await running.datasets.deleteDataset({ accountId: owner, datasetId });
    await expect(shown(datasetId, owner)).rejects.toMatchObject({ reason: 'unknown_dataset' });
    await running.filesRemoved();
    expect(await running.files(owner)).toEqual([]);
  });
});
