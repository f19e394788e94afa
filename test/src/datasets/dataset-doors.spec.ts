import { credentials, makeGenericClientConstructor, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Leonardo } from '@leonardo-ai/sdk';
import { DatasetService } from '@tessera/contracts/tessera/gateway/v1/datasets_pb.js';
import type { AddPicturesResponse, GetDatasetResponse } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { startTestHost, type TestHost } from '@tessera/host/testing/test-host.js';
import { newId } from '@tessera/platform/ids.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { pngOf } from '@tessera/service-training/datasets/checks/pictures.fixture.js';
import { zipOf } from '@tessera/service-training/datasets/zip/zip.fixture.js';
import { training } from '@tessera/service-training/training.module.js';
import { Client } from '../client.js';
import { apiKey } from '../profiles.js';

const api = '/api/rest/v1';
const absent = '0199aaaa-0000-7000-8000-000000000000';

type Sent = Readonly<Record<string, string | readonly [name: string, bytes: Uint8Array]>>;

/** Through every service that takes part, as they are wired in the single process. */
describe('datasets through the front door', () => {
  let host: TestHost;
  let owner: Client;
  /** A key of another account. */
  let stranger: Client;
  let accountId: string;
  let pictures: readonly Buffer[];

  beforeAll(async () => {
    host = await startTestHost([billing, storage, jobs, training, gateway], { config: { apiKey, datasetPicturesMax: 4 } });
    owner = new Client(host);
    accountId = String((await owner.account())['accountId']);
    const opened = await owner.call('POST', `${api}/accounts`, { plan: 'artisan' });
    const other = String(opened.body['accountId']);
    stranger = new Client(
      host,
      String((await owner.call('POST', `${api}/keys`, { name: 'theirs' }, { 'tessera-account': other })).body['key']),
    );
    pictures = await Promise.all([1, 2, 3].map((seed) => pngOf({ seed, widthPx: 300, heightPx: 300 })));
  }, 60_000);
  afterAll(() => host.close());

  const created = async (body: object = { name: 'foxes' }, client = owner) =>
    String((await client.call('POST', `${api}/datasets`, body)).body['insert_datasets_one'].id);
  const shown = async (id: string) => (await owner.call('GET', `${api}/datasets/${id}`)).body['datasets_by_pk'];
  const sendForm = async (id: string, parts: Sent) => {
    const form = new FormData();
    for (const [name, part] of Object.entries(parts))
      if (typeof part === 'string') form.append(name, part);
      else form.append(name, new Blob([part[1] as Uint8Array<ArrayBuffer>]), part[0]);
    const answer = await fetch(`${host.url}${api}/datasets/${id}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: form,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, any> };
  };
  const generated = async () => {
    const assetId = newId();
    await host.client(StorageService).putAssets({
      accountId,
      jobId: newId(),
      assets: [{ assetId, index: 0, contentType: 'image/png', widthPx: 600, heightPx: 600, data: pictures[0]! }],
    });
    return assetId;
  };

  it("are what Leonardo's own SDK knows: created, filled by a form and from a generation, read and deleted", async () => {
    const { dataset: sdk } = new Leonardo({ bearerAuth: apiKey, serverURL: `${host.url}${api}` });
    const id = (await sdk.createDataset({ name: 'foxes', description: null })).object?.insertDatasetsOne?.id ?? '';
    const upload = (await sdk.uploadDatasetImage({ extension: 'png' }, id)).object?.uploadDatasetImage;
    const form = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(upload?.fields ?? '') as Record<string, string>)) form.append(name, value);
    form.append('file', new Blob([pictures[1] as Uint8Array<ArrayBuffer>]), 'fox.png');
    expect((await fetch(upload?.url ?? '', { method: 'POST', body: form })).status).toBe(204);
    const copied = (await sdk.uploadDatasetImageFromGen({ generatedImageId: await generated() }, id)).object?.uploadDatasetImageFromGen;
    const dataset = (await sdk.getDatasetById(id)).object?.datasetsByPk;
    expect(dataset).toMatchObject({ id, name: 'foxes', createdAt: expect.any(String), updatedAt: expect.any(String) });
    expect(dataset?.datasetImages?.map(({ id: imageId }) => imageId)).toEqual([upload?.id, copied?.id]);
    for (const { url } of dataset?.datasetImages ?? []) expect((await fetch(url ?? '')).headers.get('content-type')).toBe('image/png');
    expect((await sdk.deleteDatasetById(id)).object?.deleteDatasetsByPk?.id).toBe(id);
    await expect(sdk.getDatasetById(id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('take a picture in a form of the caller, and say everything that is known of it', async () => {
    const id = await created({ name: 'foxes', trigger: 'zorb' });
    const { body } = await sendForm(id, { licence: 'CC0-1.0', provenance: 'ours', file: ['a red fox.png', pictures[0]!] });
    expect(body).toMatchObject({
      uploadDatasetImage: { id: expect.any(String) },
      tessera: { images: [{ tessera: { caption: 'a red fox', captionSource: 'file_name', licence: 'CC0-1.0', width: 300 } }], refused: [] },
    });
    const dataset = await shown(id);
    expect(dataset).toMatchObject({ name: 'foxes', tessera: { trigger: 'zorb', pictures: 1, picturesMax: 4, awaited: 0, refused: [] } });
    expect(dataset.tessera.warnings).toMatchObject([
      { code: 'small_pictures' },
      { code: 'missing_trigger', imageIds: [body['uploadDatasetImage'].id], remedy: expect.any(String) },
      { code: 'few_pictures', imageIds: [] },
    ]);
  });

  it('take a zip, change, lose and freeze pictures', async () => {
    const id = await created();
    const zip = zipOf({ 'a.png': pictures[0]!, 'a.txt': Buffer.from('a zorb'), 'b.png': pictures[1]!, 'c.png': Buffer.from('words') });
    const { body } = await sendForm(id, { file: ['set.zip', zip] });
    expect(body).toMatchObject({
      uploadDatasetImage: {},
      tessera: {
        images: [{ tessera: { caption: 'a zorb', source: 'zip' } }, { tessera: { captionSource: 'none' } }],
        refused: [{ fileName: 'c.png', type: 'not_an_image' }],
      },
    });
    const [first, second] = body['tessera'].images as { id: string }[];
    const changed = await owner.call('PUT', `${api}/datasets/${id}/images/${second!.id}`, { caption: 'another zorb' });
    expect(changed.body).toMatchObject({ id: second!.id, tessera: { caption: 'another zorb', captionSource: 'given' } });
    const frozen = await owner.call('POST', `${api}/datasets/${id}/versions`, {});
    expect(frozen.body).toMatchObject({ seed: 0, trainingPictures: 2, validationPictures: 0, images: [{ split: 'training' }, {}] });
    expect((await owner.call('DELETE', `${api}/datasets/${id}/images/${first!.id}`)).body).toEqual({ id: first!.id });
    const digest = String(frozen.body['digest']);
    expect((await owner.call('GET', `${api}/datasets/${id}/versions/${digest}`)).body).toEqual(frozen.body);
    expect((await owner.call('GET', `${api}/datasets/${id}/versions`)).body['versions']).toMatchObject([{ digest }]);
    const renamed = await owner.call('PUT', `${api}/datasets/${id}`, { name: 'zorbs' });
    expect(renamed.body).toMatchObject({ id, name: 'zorbs', pictures: 1 });
    expect((await owner.call('GET', `${api}/datasets?pageSize=1`)).body['datasets']).toMatchObject([{ id, name: 'zorbs' }]);
  });

  it.each([
    ['a text named png', { file: ['a.png', Buffer.from('words')] }, 400, 'not_an_image', 'file'],
    ['a zip bomb', { file: ['a.zip', zipOf({ 'a.png': Buffer.alloc(5_000_000) })] }, 400, 'zip_too_large', 'file'],
    ['a caption of 100 KB', { caption: 'x'.repeat(100_000), file: ['a.png', Buffer.from('words')] }, 400, 'caption_too_long', 'caption'],
    ['a field that nobody knows', { captoin: 'x', file: ['a.png', Buffer.from('words')] }, 400, 'unknown_field', 'captoin'],
    ['a caption after the file', { file: ['a.png', Buffer.from('words')], caption: 'x' }, 400, 'invalid_field', 'caption'],
    ['no file', { caption: 'x' }, 400, 'missing_file', 'file'],
  ] as const)('refuse %s', async (_what, parts, status, type, param) => {
    expect(await sendForm(await created(), parts as Sent)).toMatchObject({ status, body: { type, param } });
  });

  it('refuse the picture after the last one, whatever door it comes to', async () => {
    const id = await created();
    const four = Object.fromEntries([...pictures, pictures[0]!].map((bytes, at) => [`${at}.png`, bytes]));
    expect((await sendForm(id, { file: ['set.zip', zipOf(four)] })).status).toBe(200);
    const full = { status: 409, body: { type: 'dataset_full' } };
    expect(await sendForm(id, { file: ['a.png', pictures[0]!] })).toMatchObject(full);
    expect(await sendForm(id, { file: ['large.zip', Buffer.concat([zipOf(four), Buffer.alloc(30_000_000)])] })).toMatchObject(full);
    expect(await owner.call('POST', `${api}/datasets/${id}/upload`, { extension: 'png' })).toMatchObject(full);
    expect(await owner.call('POST', `${api}/datasets/${id}/upload/gen`, { generatedImageId: await generated() })).toMatchObject(full);
  });

  it.each([
    ['POST', '', { description: 'x' }, 'missing_field', 'name'],
    ['POST', '/upload', { extension: 'gif' }, 'invalid_field', 'extension'],
    ['POST', '/upload/gen', { generatedImageId: absent }, 'unknown_asset', 'generatedImageId'],
    ['POST', '/versions', { seed: -1 }, 'invalid_seed', 'seed'],
    ['POST', '/versions', {}, 'no_usable_pictures', 'id'],
    ['GET', `/versions/${'ab'.repeat(32)}`, undefined, 'unknown_dataset_version', 'digest'],
    ['PUT', `/images/${absent}`, { caption: 'x'.repeat(2_001) }, 'caption_too_long', 'caption'],
    ['PUT', `/images/${absent}`, { caption: 'x' }, 'unknown_dataset_picture', 'imageId'],
    ['DELETE', '/images/none', undefined, 'unknown_dataset_picture', 'imageId'],
  ] as const)('name what is wrong with %s %s %j', async (method, at, body, type, param) => {
    const id = at === '' ? '' : `/${await created()}`;
    expect((await owner.call(method, `${api}/datasets${id}${at}`, body)).body).toMatchObject({ type, param });
  });

  it("answer another account's dataset and one that does not exist alike", async () => {
    const id = await created();
    const { body } = await sendForm(id, { file: ['a.png', pictures[0]!] });
    const image = String(body['uploadDatasetImage'].id);
    const calls = (dataset: string) =>
      [
        ['GET', `/${dataset}`],
        ['PUT', `/${dataset}`, { name: 'mine' }],
        ['DELETE', `/${dataset}`],
        ['POST', `/${dataset}/upload`, { extension: 'png' }],
        ['POST', `/${dataset}/upload/gen`, { generatedImageId: image }],
        ['PUT', `/${dataset}/images/${image}`, { caption: 'mine' }],
        ['DELETE', `/${dataset}/images/${image}`],
        ['POST', `/${dataset}/versions`, {}],
        ['GET', `/${dataset}/versions`],
        ['GET', `/${dataset}/versions/x`],
      ] as const;
    const asked = async (dataset: string) => {
      const answers = [];
      for (const [method, at, sent] of calls(dataset)) {
        const { status, body: refused } = await stranger.call(method, `${api}/datasets${at}`, sent);
        answers.push({ status, ...refused, requestId: '' });
      }
      return answers;
    };
    const theirs = await asked(id);
    expect(theirs).toEqual(await asked(absent));
    expect((await stranger.call('GET', `${api}/datasets/no-id`)).body).toMatchObject({ type: 'unknown_dataset', param: 'id' });
    expect(theirs[0]).toMatchObject({ status: 404, type: 'unknown_dataset', param: 'id' });
    expect((await stranger.call('GET', `${api}/datasets`)).body).toEqual({ datasets: [] });
    expect((await shown(id)).dataset_images).toHaveLength(1);
  });

  it('are not changed with a key that may only read', async () => {
    const { body } = await owner.call('POST', `${api}/keys`, { name: 'reader', scopes: ['read'] });
    const reader = new Client(host, String(body['key']));
    const id = await created();
    expect((await reader.call('GET', `${api}/datasets/${id}`)).status).toBe(200);
    expect(await reader.call('POST', `${api}/datasets/${id}/versions`, {})).toMatchObject({ status: 403, body: { type: 'read_only_key' } });
  });

  it('have the same doors over gRPC, files included', async () => {
    const Datasets = makeGenericClientConstructor(packageDefinition([DatasetService])[DatasetService.typeName] as never, 'Datasets');
    const client = new Datasets(host.grpcAddress ?? '', credentials.createInsecure());
    const as = (key: string) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${key}`);
      return metadata;
    };
    type Done<T> = (error: ServiceError | null, reply: T) => void;
    const call = <T>(method: string, request: object, key = apiKey) =>
      new Promise<T>((resolve, reject) => {
        const done: Done<T> = (error, reply) => (error ? reject(error) : resolve(reply));
        (client[method] as unknown as (request: object, metadata: Metadata, done: Done<T>) => void).call(client, request, as(key), done);
      });
    const stream = (datasetId: string, key: string) =>
      new Promise<AddPicturesResponse>((resolve, reject) => {
        const done: Done<AddPicturesResponse> = (error, reply) => (error ? reject(error) : resolve(reply));
        const open = client['AddPictures'] as unknown as (
          metadata: Metadata,
          done: Done<AddPicturesResponse>,
        ) => NodeJS.WritableStream & {
          write(message: object): boolean;
        };
        const writing = open.call(client, as(key), done);
        writing.write({ part: { case: 'header', value: { datasetId, fileName: 'a zorb.png', notes: { licence: 'CC0-1.0' } } } });
        writing.write({ part: { case: 'data', value: pictures[0]!.subarray(0, 1_000) } });
        writing.write({ part: { case: 'data', value: pictures[0]!.subarray(1_000) } });
        writing.write({});
        writing.end();
      });
    try {
      const datasetId = await created();
      expect((await stream(datasetId, apiKey)).pictures).toMatchObject([{ caption: 'a zorb', licence: 'CC0-1.0' }]);
      expect((await call<GetDatasetResponse>('GetDataset', { datasetId })).pictures).toHaveLength(1);
      await expect(call('GetDataset', { datasetId }, stranger.key)).rejects.toMatchObject({ code: 5 });
      await expect(stream(datasetId, stranger.key)).rejects.toMatchObject({ code: 5 });
      await expect(stream(datasetId, 'no key of ours at all')).rejects.toMatchObject({ code: 16 });
    } finally {
      client.close();
    }
  });
});
