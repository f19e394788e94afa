import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PictureSource, Split } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { pngOf } from '@tessera/service-training/datasets/checks/pictures.fixture.js';
import { zipOf } from '@tessera/service-training/datasets/zip/zip.fixture.js';
import { runDatasets, type RunningDatasets } from './datasets.factory.js';

describe('datasets', () => {
  let running: RunningDatasets;
  let accountId: string;
  let set: readonly Buffer[];
  const pictures = (count: number) => set.slice(0, count);

  beforeAll(async () => {
    [running, set] = await Promise.all([
      runDatasets(),
      Promise.all([1, 2, 3, 4, 5, 6].map((seed) => pngOf({ seed, widthPx: 300, heightPx: 300 }))),
    ]);
    accountId = await running.openAccount();
  }, 60_000);
  afterAll(() => running.close());

  const created = async () => (await running.datasets.createDataset({ accountId, name: 'foxes' })).dataset!.datasetId;
  const shown = (datasetId: string) => running.datasets.getDataset({ accountId, datasetId });
  const add = async (datasetId: string, bytes: Uint8Array, fileName = '', notes = {}) =>
    (await running.add(accountId, datasetId, fileName, bytes, notes)).pictures[0]!;
  const form = (datasetId: string) => running.datasets.createPictureUpload({ accountId, datasetId, extension: 'png' });

  it('of one picture fifteen times warn, and freeze as one picture', async () => {
    const datasetId = await created();
    const copies = Object.fromEntries(Array.from({ length: 15 }, (_, at) => [`${at}.png`, set[0]!]));
    expect((await running.add(accountId, datasetId, 'set.zip', zipOf(copies))).pictures).toHaveLength(15);
    expect((await shown(datasetId)).warnings.map(({ code }) => code)).toEqual([
      'exact_duplicates',
      'small_pictures',
      'missing_captions',
      'few_pictures',
    ]);
    expect(await running.datasets.freezeDataset({ accountId, datasetId })).toMatchObject({
      version: { trainingPictures: 1, validationPictures: 0 },
    });
  });

  describe('frozen', () => {
    const filled = async (order: readonly Buffer[]) => {
      const datasetId = await created();
      for (const bytes of order) await add(datasetId, bytes, '', { caption: `a zorb ${set.indexOf(bytes)}` });
      return datasetId;
    };
    const frozen = (datasetId: string, seed = 0) => running.datasets.freezeDataset({ accountId, datasetId, seed });

    it('have one name for one set, in whatever order its pictures came', async () => {
      const [one, other] = [await filled(pictures(6)), await filled([...pictures(6)].reverse())];
      const [first, second] = [await frozen(one), await frozen(other)];
      expect(first.version).toMatchObject({ digest: second.version!.digest, trainingPictures: 5, validationPictures: 1 });
      expect(first.pictures.map(({ picture, split }) => [picture?.sha256, picture?.caption, split])).toEqual(
        second.pictures.map(({ picture, split }) => [picture?.sha256, picture?.caption, split]),
      );
      expect(first.pictures.filter(({ split }) => split === Split.VALIDATION)).toHaveLength(1);
      expect((await frozen(one)).version).toEqual(first.version);
      expect((await frozen(one, 5)).version!.digest).not.toBe(first.version!.digest);
      expect((await running.datasets.listVersions({ accountId, datasetId: one })).versions).toHaveLength(2);
    });

    it('stay what they are when captions change and pictures go', async () => {
      const datasetId = await filled(pictures(2));
      const { version, pictures: named } = await frozen(datasetId);
      const [{ picture }] = named as [(typeof named)[number]];
      await running.datasets.updatePicture({ accountId, datasetId, pictureId: picture!.pictureId, caption: 'another' });
      expect((await frozen(datasetId)).version!.digest).not.toBe(version!.digest);
      await running.datasets.deletePicture({ accountId, datasetId, pictureId: picture!.pictureId });
      await running.filesRemoved();
      const again = await running.datasets.getVersion({ accountId, datasetId, digest: version!.digest });
      expect(again.pictures).toEqual(named);
      expect((await running.storage.getAsset({ accountId, assetId: picture!.assetId })).asset).toMatchObject({ sha256: picture!.sha256 });
      await expect(running.datasets.getVersion({ accountId, datasetId, digest: 'none' })).rejects.toMatchObject({
        reason: 'unknown_dataset_version',
      });
    });

    it('name what has come by a form, and nothing that has lost its file', async () => {
      const datasetId = await created();
      await running.post(await form(datasetId), set[0]!);
      const { assetId } = await add(datasetId, set[1]!);
      await running.storage.deleteAsset({ accountId, assetId });
      expect((await shown(datasetId)).warnings[0]).toMatchObject({ code: 'lost_files', pictureIds: [expect.any(String)] });
      expect((await frozen(datasetId)).pictures).toMatchObject([{ picture: { source: PictureSource.FORM } }]);
    });

    it('are refused where there is nothing to learn from', async () => {
      await expect(frozen(await created())).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'no_usable_pictures' });
    });
  });
});
