import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { batchOf, generated, imagesReply, openServed, type OpenServed, SmallServer } from './small-server.fixture.js';

const key = 'sk-a-key-that-nobody-must-read';

/** What went wrong, with every cause, as a log would write it. */
function everythingIn(error: unknown): string {
  const { message, stack, cause, ...rest } = error as Error;
  return [message, stack, JSON.stringify(rest), cause === undefined ? '' : everythingIn(cause)].join('\n');
}

describe('a server of other people', () => {
  let server: SmallServer;
  let elsewhere: SmallServer;
  let opened: OpenServed[];
  beforeAll(async () => {
    server = await SmallServer.start(imagesReply);
    elsewhere = await SmallServer.start(async () => ({ bytes: new Uint8Array(8) }));
  });
  beforeEach(() => {
    server.behaves = imagesReply;
    server.seen.length = 0;
    elsewhere.seen.length = 0;
    opened = [];
  });
  afterEach(async () => {
    for (const each of opened) {
      expect(each.lines.join('\n')).not.toContain(key);
      await each.close();
    }
  });
  afterAll(async () => {
    await server.close();
    await elsewhere.close();
  });
  const open = async (kind: string, fields: { server?: object } & Record<string, unknown> = {}) => {
    const served = await openServed(
      {
        pipeline: 'openai-server',
        kind,
        ...(kind === 'openai' ? { sizes: ['128x128'] } : {}),
        ...fields,
        server: { url: `${server.origin}/v1`, apiKeyEnv: 'PROVIDER_KEY', ...fields.server },
      },
      { PROVIDER_KEY: key },
    );
    opened.push(served);
    return served.engine;
  };
  const failure = async (running: Promise<unknown>) => {
    const error = await running.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(everythingIn(error)).not.toContain(key);
    return error;
  };
  const painted = () => server.seen.filter(({ method }) => method === 'POST').length;

  describe('refuses', () => {
    const openAiError = (status: number, error: object, headers = {}) => ({ status, headers, json: { error } });

    it.each([
      [
        'what the picture would show',
        openAiError(400, {
          message: 'Your request was rejected by the safety system.',
          code: 'moderation_blocked',
          type: 'image_generation_user_error',
        }),
        { kind: 'InvalidArgument', reason: 'content_refused', message: expect.stringContaining('rejected by the safety system') },
      ],
      [
        'a field, in FastAPI’s form',
        { status: 422, json: { detail: [{ loc: ['body', 'size'], msg: 'Input should be smaller', type: 'x' }] } },
        { kind: 'InvalidArgument', reason: 'server_refused', message: expect.stringContaining('body: size: Input should be smaller') },
      ],
      [
        'the request, in one sentence that repeats the key',
        { status: 400, json: { detail: `unknown field in ${key}` } },
        { kind: 'InvalidArgument', reason: 'server_refused', message: expect.stringContaining('unknown field in [key]') },
      ],
      [
        'the key',
        openAiError(401, { message: `Incorrect API key provided: ${key.slice(0, 9)}`, code: 'invalid_api_key' }),
        { kind: 'Unavailable', reason: 'engine_misconfigured', retryable: false, message: expect.not.stringContaining('sk-a') },
      ],
      [
        'the model',
        { status: 404, json: { detail: 'no such model' } },
        { reason: 'engine_misconfigured', message: expect.stringContaining('no such model') },
      ],
      [
        'to work on credit',
        openAiError(429, { message: 'You exceeded your current quota', code: 'insufficient_quota' }),
        { kind: 'Unavailable', reason: 'engine_misconfigured' },
      ],
      [
        'more requests for an hour',
        openAiError(429, { message: 'Rate limit reached' }, { 'retry-after': '3600' }),
        { kind: 'Unavailable', reason: 'engine_unavailable', retryable: true, retryAfterMs: 3_600_000 },
      ],
      [
        'by sending elsewhere',
        { status: 307, headers: { location: 'http://127.0.0.1:1/v1/images/generations' } },
        { reason: 'engine_misconfigured', message: expect.stringContaining('redirects') },
      ],
    ])('%s', async (_what, reply, expected) => {
      server.behaves = () => reply;
      expect(await failure(generated(await open('openai'), batchOf()))).toMatchObject(expected);
      expect(painted()).toBe(1);
    });

    it('for a moment, and is asked again', async () => {
      server.behaves = (seen) => (painted() === 1 ? { status: 429, headers: { 'retry-after': '0' } } : imagesReply(seen));
      expect((await generated(await open('openai'), batchOf())).images).toHaveLength(1);
      expect(painted()).toBe(2);
    });

    it('until it is ready, and is asked again', async () => {
      server.behaves = (seen) => (painted() === 1 ? { status: 503, headers: { 'retry-after': '0' } } : imagesReply(seen));
      expect((await generated(await open('vllm-omni'), batchOf())).images).toHaveLength(1);
    });
  });

  describe.each([
    ['closes the connection', () => 'hang_up' as const],
    ['fails in a way that says nothing', () => ({ status: 502 })],
    ['is overloaded at an unknown point', () => ({ status: 503 })],
  ])('that takes the request and then %s', (_what, behaves) => {
    it('is not asked again when it is paid', async () => {
      server.behaves = behaves;
      expect(await failure(generated(await open('openai'), batchOf()))).toMatchObject({
        kind: 'DeadlineExceeded',
        reason: 'outcome_unknown',
        retryable: false,
      });
      expect(painted()).toBe(1);
    });
  });

  it('that does not answer in time is not asked again when it is paid', async () => {
    server.behaves = () => 'silence';
    const engine = await open('openai', { server: { answersWithinSeconds: 1 } });
    expect(await failure(generated(engine, batchOf()))).toMatchObject({ reason: 'outcome_unknown' });
    expect(painted()).toBe(1);
  });

  it('of one’s own that hangs up leaves the job to the queue', async () => {
    server.behaves = () => 'hang_up';
    expect(await failure(generated(await open('vllm-omni'), batchOf()))).toMatchObject({
      kind: 'Unavailable',
      reason: 'engine_unavailable',
      retryable: true,
    });
    expect(painted()).toBe(1);
  });

  it('of one’s own kind that somebody is paid for is treated as paid', async () => {
    server.behaves = () => 'hang_up';
    expect(await failure(generated(await open('vllm-omni', { priceMicroUsd: 40_000 }), batchOf()))).toMatchObject({
      reason: 'outcome_unknown',
    });
  });

  it('that recognises a repeat is asked again with the same key, for each share of pictures another', async () => {
    server.behaves = (seen) => (painted() === 1 ? 'hang_up' : imagesReply(seen));
    const { images } = await generated(await open('tessera'), batchOf({ images: 9 }));
    expect(images).toHaveLength(9);
    const [first, second, third] = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(server.seen.map(({ json }) => [json['n'], json['seed']])).toEqual([
      [8, 7],
      [8, 7],
      [1, 15],
    ]);
  });

  it('that cannot be reached has made nothing', async () => {
    const engine = await open('openai', { server: { url: 'http://127.0.0.1:1/v1' } });
    expect(await failure(generated(engine, batchOf()))).toMatchObject({
      kind: 'Unavailable',
      reason: 'engine_unavailable',
      retryable: true,
    });
  });

  it.each([
    ['openai', 'outcome_unknown'],
    ['vllm-omni', 'painting_cancelled'],
  ])('of the kind %s that is slow is cut off when the job is cancelled: %s', async (kind, reason) => {
    server.behaves = () => 'silence';
    const engine = await open(kind);
    const controller = new AbortController();
    const running = generated(engine, batchOf(), controller.signal);
    const failed = failure(running);
    await server.received(1);
    controller.abort();
    expect(await failed).toMatchObject({ kind: 'Cancelled', reason });
    server.behaves = imagesReply;
    expect((await generated(engine, batchOf())).images).toHaveLength(1);
  });

  it.each([
    ['half a picture', async () => ({ json: { data: [{ b64_json: 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAI' }] } })],
    ['no pictures', async () => ({ json: { data: [] } })],
    ['what is no JSON', async () => ({ bytes: Buffer.from('<html>') })],
    ['more than is read', async () => ({ bytes: Buffer.alloc(2 ** 20 + 1) })],
    ['a link to another host', async () => ({ json: { data: [{ url: `${elsewhere.origin}/secret.png` }] } })],
  ])('that was paid and answers %s is not asked again', async (_what, behaves) => {
    server.behaves = behaves;
    const engine = await open('openai', { server: { answerMegabytesMax: 1 } });
    expect(await failure(generated(engine, batchOf()))).toMatchObject({ reason: 'paid_unfinished', retryable: false });
    expect(painted()).toBe(1);
    expect(elsewhere.seen).toEqual([]);
    expect(opened[0]!.lines.join('\n')).toContain('a server may have to be paid');
  });

  it('of one’s own that answers half a picture has failed, and may be asked again', async () => {
    server.behaves = async () => ({ json: { data: [{ b64_json: 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAI' }] } });
    expect(await failure(generated(await open('vllm-omni'), batchOf()))).toMatchObject({ kind: 'Internal', reason: 'painting_failed' });
  });

  describe('that answers links', () => {
    const png = () =>
      sharp({ create: { width: 128, height: 128, channels: 3, background: '#123456' } })
        .png()
        .toBuffer();
    const answersLink = (link: string) => {
      server.behaves = async ({ method }) => (method === 'POST' ? { json: { data: [{ url: link }] } } : { bytes: await png() });
    };

    it('has its own fetched with the key', async () => {
      answersLink('/files/1.png');
      const { images } = await generated(await open('openai'), batchOf());
      expect(Buffer.from(images[0]!.image.bytes)).toEqual(await png());
      expect(server.of('GET', '/files/1.png')[0]!.headers.authorization).toBe(`Bearer ${key}`);
    });

    it('has those of a named host fetched without the key', async () => {
      elsewhere.behaves = async () => ({ bytes: await png() });
      answersLink(`${elsewhere.origin}/1.png`);
      await generated(await open('openai', { server: { resultOrigins: [elsewhere.origin] } }), batchOf());
      expect(elsewhere.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    });

    it('is not followed where they redirect', async () => {
      server.behaves = async ({ method }) =>
        method === 'POST' ? { json: { data: [{ url: '/1.png' }] } } : { status: 302, headers: { location: `${elsewhere.origin}/secret` } };
      expect(await failure(generated(await open('openai'), batchOf()))).toMatchObject({ message: expect.stringContaining('redirects') });
      expect(elsewhere.seen).toEqual([]);
    });

    it.each(['file:///etc/passwd', 'http://169.254.169.254/latest', 'nonsense://', ''])('has nothing fetched from %j', async (link) => {
      answersLink(link);
      expect(await failure(generated(await open('openai'), batchOf()))).toMatchObject({ reason: 'paid_unfinished' });
    });
  });

  describe('with a key', () => {
    it('gets it from a file beside the manifest or elsewhere, as it is at the time', async () => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'tessera-key-'));
      const apiKeyFile = path.join(folder, 'key');
      await writeFile(apiKeyFile, `${key}\n`);
      const served = await openServed({ pipeline: 'openai-server', kind: 'vllm-omni', server: { url: `${server.origin}/v1`, apiKeyFile } });
      opened.push(served);
      await generated(served.engine, batchOf());
      await writeFile(apiKeyFile, 'sk-another');
      await generated(served.engine, batchOf());
      expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${key}`, 'Bearer sk-another']);
      await rm(folder, { recursive: true });
      expect(await failure(generated(served.engine, batchOf()))).toMatchObject({
        reason: 'engine_misconfigured',
        message: expect.stringContaining(apiKeyFile),
      });
    });

    it('is not called without it, and a worker learns so at its start', async () => {
      const served = await openServed({
        pipeline: 'openai-server',
        kind: 'vllm-omni',
        server: { url: `${server.origin}/v1`, apiKeyEnv: 'NO_SUCH_KEY' },
      });
      opened.push(served);
      await expect(served.engine.warm('remote-model')).rejects.toMatchObject({
        reason: 'engine_misconfigured',
        message: expect.stringContaining('NO_SUCH_KEY'),
      });
      await failure(generated(served.engine, batchOf()));
      expect(server.seen).toEqual([]);
    });
  });
});
