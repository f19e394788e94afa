import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import {
  batchOf,
  generated,
  openServed,
  type OpenServed,
  pictureOf,
  type Reply,
  type Seen,
  servedVariant,
  SmallServer,
} from './small-server.fixture.js';

const key = 'r8_a-key-that-nobody-must-read';

/** Speaks Replicate's wire: a prediction needs some questions to end. */
class Provider {
  questions = 0;
  ends: (seen: Seen) => Promise<object> | object = () => ({ status: 'succeeded', output: ['/files/out.png'] });

  readonly behaves = async (seen: Seen): Promise<Reply> => {
    const { method, path } = seen;
    if (path === '/files/out.png') return { bytes: await pictureOf('a red apple 7', 128, 128) };
    if (method === 'POST' && path.endsWith('/cancel')) return { json: { id: 'p1', status: 'canceled' } };
    if (method === 'POST') return { status: 201, json: { id: 'p1', status: 'starting', output: null, error: null } };
    this.questions += 1;
    return { json: { id: 'p1', output: null, error: null, ...(this.questions < 2 ? { status: 'processing' } : await this.ends(seen)) } };
  };
}

describe('a provider of predictions', () => {
  let server: SmallServer;
  let provider: Provider;
  let opened: OpenServed[];
  beforeAll(async () => {
    server = await SmallServer.start(() => ({}));
  });
  beforeEach(() => {
    provider = new Provider();
    server.behaves = provider.behaves;
    server.seen.length = 0;
    opened = [];
  });
  afterEach(async () => {
    for (const each of opened) {
      expect(each.lines.join('\n')).not.toContain(key);
      await each.close();
    }
  });
  afterAll(() => server.close());
  const open = async ({
    input = {},
    server: reached = {},
    ...fields
  }: { input?: object; server?: object; variants?: object[]; sizes?: string[] } = {}) => {
    const served = await openServed(
      {
        pipeline: 'prediction',
        input: { seed: 'seed', width: 'width', height: 'height', ...input },
        ...fields,
        server: { url: `${server.origin}/v1`, apiKeyEnv: 'PROVIDER_KEY', ...reached },
      },
      { PROVIDER_KEY: key },
    );
    opened.push(served);
    return served.engine;
  };
  const created = () => server.seen.filter(({ method, path }) => method === 'POST' && path.endsWith('predictions'));

  it('is asked for a prediction, and for its end until it has one', async () => {
    const { images, notices } = await generated(await open(), batchOf());
    expect(created().map(({ path, json }) => ({ path, json }))).toEqual([
      { path: '/v1/models/org/model/predictions', json: { input: { prompt: 'a red apple', seed: 7, width: 128, height: 128 } } },
    ]);
    expect(server.of('GET', '/v1/predictions/p1')).toHaveLength(2);
    expect(server.seen.every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true);
    expect(Buffer.from(images[0]!.image.bytes)).toEqual(await pictureOf('a red apple 7', 128, 128));
    expect(notices).toEqual([]);
  });

  it('is asked once for each picture, with its own seed', async () => {
    await generated(await open(), batchOf({ images: 2 }));
    expect(created().map(({ json }) => (json['input'] as { seed: number }).seed)).toEqual([7, 8]);
  });

  it('gets every input in the names of its model, pictures as data, and a version where one is named', async () => {
    const names = {
      steps: 'num_inference_steps',
      guidanceScale: 'guidance',
      negativePrompt: 'negative',
      image: 'image',
      promptStrength: 'prompt_strength',
    };
    const engine = await open({
      input: { ...names, width: undefined, height: undefined, aspectRatio: 'aspect_ratio' },
      sizes: ['256x128'],
      variants: [{ ...servedVariant, remoteModel: 'org/model:5c7d' }],
    });
    const bytes = await sharp({ create: { width: 64, height: 32, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    await generated(engine, batchOf({ negativePrompt: 'a worm', initImage: { bytes, strength: 0.25 } }, { widthPx: 256 }));
    const { json, path } = created()[0]!;
    expect(path).toBe('/v1/predictions');
    expect(json).toEqual({
      version: '5c7d',
      input: {
        prompt: 'a red apple',
        negative: 'a worm',
        seed: 7,
        num_inference_steps: 20,
        guidance: 7,
        aspect_ratio: '2:1',
        image: expect.stringMatching(/^data:image\/png;base64,/),
        prompt_strength: 0.75,
      },
    });
  });

  it('is asked again for the same prediction when a connection breaks', async () => {
    let isBroken = true;
    server.behaves = (seen) => {
      if (seen.method !== 'GET' || !isBroken) return provider.behaves(seen);
      isBroken = false;
      return 'hang_up';
    };
    expect((await generated(await open(), batchOf())).images).toHaveLength(1);
    expect(created()).toHaveLength(1);
  });

  it('is not asked for a second prediction when the answer to the first was lost', async () => {
    server.behaves = () => 'hang_up';
    await expect(generated(await open(), batchOf())).rejects.toMatchObject({ kind: 'DeadlineExceeded', reason: 'outcome_unknown' });
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['its filter says no', { status: 'failed', error: 'NSFW content detected' }, { kind: 'InvalidArgument', reason: 'content_refused' }],
    [
      'it fails, repeating the key',
      { status: 'failed', error: `CUDA out of memory ${key}` },
      { reason: 'paid_unfinished', message: expect.not.stringContaining(key) },
    ],
    ['it is cancelled there', { status: 'canceled' }, { reason: 'paid_unfinished' }],
    ['it has no output', { status: 'succeeded', output: null }, { reason: 'paid_unfinished' }],
    ['its output lies elsewhere', { status: 'succeeded', output: 'http://127.0.0.1:1/out.png' }, { reason: 'paid_unfinished' }],
  ])('ends the job when %s', async (_what, end, expected) => {
    provider.ends = () => end;
    await expect(generated(await open(), batchOf())).rejects.toMatchObject({ retryable: false, ...expected });
    expect(created()).toHaveLength(1);
  });

  it.each([
    ['the job is cancelled', 600, 'Cancelled'],
    ['it takes too long', 1, 'DeadlineExceeded'],
  ])('is told to stop when %s', async (_what, answersWithinSeconds, kind) => {
    provider.ends = () => ({ status: 'processing' });
    const engine = await open({ server: { answersWithinSeconds } });
    const controller = new AbortController();
    const running = generated(engine, batchOf(), controller.signal);
    const failed = expect(running).rejects.toMatchObject({ kind, reason: 'outcome_unknown' });
    await server.received(2);
    if (kind === 'Cancelled') controller.abort();
    await failed;
    expect(server.of('POST', '/v1/predictions/p1/cancel')).toHaveLength(1);
  });

  it('does not choose where it is asked', async () => {
    server.behaves = () => ({ status: 201, json: { id: '../admin', status: 'starting', urls: { get: 'http://127.0.0.1:1/' } } });
    await expect(generated(await open(), batchOf())).rejects.toMatchObject({ reason: 'paid_unfinished' });
    expect(server.seen).toHaveLength(1);
  });
});
