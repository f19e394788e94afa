import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { picture } from '../services.fixture.js';

describe("OpenAI's own client against the gateway", () => {
  let gateway: OpenGateway;
  let client: OpenAI;
  beforeAll(async () => {
    gateway = await openGateway();
    client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  });
  afterAll(() => gateway.close());

  it('gets links by default', async () => {
    const { data, created } = await client.images.generate({ prompt: 'a red apple', n: 2, size: '512x512', model: 'dall-e-2' });
    expect(created).toBeGreaterThan(0);
    expect(data?.map(({ url }) => url)).toEqual([
      expect.stringMatching(/^http:\/\/pictures\.test\//),
      expect.stringMatching(/^http:\/\/pictures\.test\//),
    ]);
    expect(gateway.services.submissions.at(-1)?.request).toMatchObject({ widthPx: 512, heightPx: 512, images: 2, modelId: '' });
  });

  it('gets the bytes when it asks for them, and by default for gpt-image models', async () => {
    const asked = await client.images.generate({ prompt: 'a red apple', response_format: 'b64_json' });
    const byModel = await client.images.generate({ prompt: 'a red apple', model: 'gpt-image-1' });
    for (const { data } of [asked, byModel]) expect(Buffer.from(data?.[0]?.b64_json ?? '', 'base64')).toEqual(picture);
  });

  it('lists models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(['mosaic-3d']);
  });

  it('raises its own typed errors', async () => {
    await expect(new OpenAI({ apiKey: 'nobody', baseURL: `${gateway.url}/v1`, maxRetries: 0 }).models.list()).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
    await expect(client.images.generate({ prompt: 'x', n: 9 })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'n',
    });
    await expect(client.images.generate({ prompt: 'x', background: 'transparent' })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_feature',
      param: 'background',
    });
  });

  it('tells that the tokens are spent', async () => {
    gateway.services.refusal = failedPrecondition('insufficient_tokens', '8 tokens are needed, 3 are left.');
    await expect(client.images.generate({ prompt: 'x' })).rejects.toMatchObject({
      status: 402,
      type: 'insufficient_quota',
      code: 'insufficient_tokens',
    });
    gateway.services.refusal = undefined;
  });

  it('waits for the job without asking again and again', async () => {
    gateway.services.endsAtOnce = false;
    const before = gateway.services.jobs.size;
    const answer = client.images.generate({ prompt: 'slow' });
    await new Promise<void>((resolve) => {
      const look = () => (gateway.services.jobs.size > before ? resolve() : setImmediate(look));
      look();
    });
    gateway.services.finish([...gateway.services.jobs.keys()].at(-1)!);
    expect((await answer).data).toHaveLength(1);
    gateway.services.endsAtOnce = true;
  });

  it('makes one job of a call that outlives its wait, whatever the client repeats by itself', async () => {
    const { services } = gateway;
    const unary = services.unary.bind(services);
    services.endsAtOnce = false;
    // Each part of the wait is over at once.
    services.unary = ((method: { name: string }, request: object, options: object) =>
      unary(method as never, (method.name === 'Get' ? { ...request, waitMs: 0 } : request) as never, options)) as never;
    const before = services.jobs.size;
    const patient = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1` });
    await expect(patient.images.generate({ prompt: 'slow' })).rejects.toMatchObject({ status: 504, code: 'still_painting' });
    expect(services.jobs.size).toBe(before + 1);
    services.unary = unary as never;
    services.endsAtOnce = true;
  });
});
