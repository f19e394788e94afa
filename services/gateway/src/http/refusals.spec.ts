import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const generations = '/api/rest/v1/generations';
const uuid = '0199aaaa-0000-7000-8000-000000000000';

describe('bad input', () => {
  let gateway: OpenGateway;
  beforeAll(async () => {
    gateway = await openGateway();
  });
  afterAll(() => gateway.close());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    gateway.fetch(path, {
      method: 'POST',
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
      headers,
    });

  it.each([
    ['an empty prompt', { prompt: ' ' }, 'prompt_empty', 'prompt'],
    ['no prompt', {}, 'missing_field', 'prompt'],
    ['a prompt that is a number', { prompt: 5 }, 'invalid_field', 'prompt'],
    ['a width that is no multiple of 8', { prompt: 'x', width: 513 }, 'invalid_dimensions', 'width'],
    ['a width out of range', { prompt: 'x', width: 1e9 }, 'invalid_dimensions', 'width'],
    ['a width as text', { prompt: 'x', width: '512' }, 'invalid_field', 'width'],
    ['nine images', { prompt: 'x', num_images: 9 }, 'too_many_images', 'num_images'],
    ['a negative seed', { prompt: 'x', seed: -1 }, 'invalid_seed', 'seed'],
    ['a seed with a fraction', { prompt: 'x', seed: 1.5 }, 'invalid_field', 'seed'],
    ['an unknown preset', { prompt: 'x', presetStyle: 'SHINY' }, 'invalid_field', 'presetStyle'],
    ['an unknown field', { prompt: 'x', sd_Version: 'v2' }, 'unknown_field', 'sd_Version'],
    ['a controlnet without a picture', { prompt: 'x', controlnets: [{ weight: 1 }] }, 'missing_field', 'controlnets[0].initImageId'],
    ['a controlnet of no known field', { prompt: 'x', controlnets: [{ wait: 1 }] }, 'unknown_field', 'controlnets[0].wait'],
    ['an element without an id', { prompt: 'x', elements: [{ weight: 1 }] }, 'missing_field', 'elements[0].akUUID'],
    ['own elements', { prompt: 'x', userElements: [{ userLoraId: 1 }] }, 'unsupported_feature', 'userElements'],
    ['a canvas without a picture', { prompt: 'x', canvasRequest: true }, 'missing_field', 'canvasInitId'],
    [
      'an inpainting without a mask',
      { prompt: 'x', canvasRequest: true, canvasRequestType: 'INPAINT', canvasInitId: uuid },
      'missing_field',
      'canvasMaskId',
    ],
    ['a mask without a canvas request', { prompt: 'x', canvasMaskId: uuid }, 'invalid_field', 'canvasRequest'],
    ['a mask without a picture', { prompt: 'x', init_mask_id: uuid }, 'missing_field', 'init_image_id'],
    ['an unzoom without a picture', { prompt: 'x', unzoom: true }, 'missing_field', 'init_image_id'],
    ['an unzoom without a size', { prompt: 'x', unzoom: true, init_image_id: uuid }, 'missing_field', 'width'],
    ['an unzoom that comes nearer', { prompt: 'x', unzoom: true, unzoomAmount: 0.5 }, 'invalid_field', 'unzoomAmount'],
    [
      'a placement with a negative edge',
      { prompt: 'x', init_placement: { left: -1, top: 0, width: 8, height: 8 } },
      'invalid_field',
      'init_placement.left',
    ],
  ])('refuses %s and names the field', async (_name, body, type, param) => {
    const answer = await post(generations, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      type,
      param,
      path: `$.${param}`,
      error: expect.any(String),
      code: expect.any(String),
      doc: `/docs/errors/${type}`,
      requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it.each([
    ['sd_Version', 'sd_version'],
    ['numImages', 'num_images'],
    ['negativePrompt', 'negative_prompt'],
    ['widht', 'width'],
  ])('offers the closest name for %s', async (name, closest) => {
    expect(await (await post(generations, { prompt: 'x', [name]: 1 })).json()).toMatchObject({
      error: `Unexpected variable ${name}. Did you mean ${closest}?`,
    });
  });

  it('offers nothing when no name is close', async () => {
    expect(await (await post(generations, { prompt: 'x', zzzzzzzzz: 1 })).json()).toMatchObject({
      error: 'Unexpected variable zzzzzzzzz.',
    });
  });

  it.each([
    ['malformed JSON', '{"prompt":', 400, 'malformed_json'],
    ['a JSON array', '[]', 400, 'invalid_field'],
    ['JSON null', 'null', 400, 'missing_field'],
    ['a huge number', '{"prompt":"x","width":1e999}', 400, 'invalid_field'],
    ['a NaN', '{"prompt":"x","width":NaN}', 400, 'malformed_json'],
    ['deep JSON', `{"prompt":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'json_too_deep'],
    ['very deep JSON', '['.repeat(500_000), 400, 'json_too_deep'],
    ['a prototype key', '{"prompt":"x","__proto__":{"a":1}}', 400, 'unknown_field'],
    ['a constructor key', '{"prompt":"x","constructor":{"a":1}}', 400, 'unknown_field'],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400, 'invalid_utf8'],
    ['a huge body', `{"prompt":"${'x'.repeat(1_100_000)}"}`, 413, 'body_too_large'],
  ])('refuses %s', async (_name, body, status, type) => {
    const answer = await post(generations, body);
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status, type });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense', 'application/xml'])(
    'refuses a body of type %s',
    async (type) => {
      const answer = await post(generations, 'prompt=x', { 'content-type': type });
      expect([400, 406, 415]).toContain(answer.status);
      expect(await answer.json()).toMatchObject({ type: expect.any(String), error: expect.any(String) });
    },
  );

  it.each([
    ['GET', '/nowhere', 404, 'unknown_route'],
    ['PUT', generations, 404, 'unknown_route'],
    ['GET', `${generations}/${uuid}`, 404, 'unknown_job'],
    ['GET', `${generations}/..%2f..%2fetc%2fpasswd`, 404, 'unknown_job'],
    ['GET', `${generations}/%00`, 404, 'unknown_job'],
    ['DELETE', `${generations}/1;drop`, 404, 'unknown_job'],
    ['GET', `${generations}/${uuid}/events`, 404, 'unknown_job'],
    ['GET', `${generations}/user/somebody`, 404, 'unknown_user'],
    ['GET', `/api/rest/v1/init-image/${uuid}`, 404, 'unknown_init_image'],
    ['DELETE', `/api/rest/v1/keys/${uuid}`, 404, 'unknown_key'],
    ['GET', `${generations}/${uuid}?wait=-1`, 400, 'invalid_field'],
    ['GET', `${generations}/${uuid}?wait=1&wait=2`, 400, 'invalid_field'],
    ['GET', `/api/rest/v1/account/entries?pageSize=x`, 400, 'invalid_field'],
  ])('answers %s %s with %i %s', async (method, path, status, type) => {
    const answer = await gateway.fetch(path, { method });
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status, type });
  });

  it.each([
    ['bad percent-encoding', `GET ${generations}/%zz HTTP/1.1`, 400, 'malformed_request'],
    ['a path that is no UTF-8', `GET ${generations}/%ff%fe HTTP/1.1`, 400, 'malformed_request'],
    ['an over-long id', `GET ${generations}/${'x'.repeat(700)} HTTP/1.1`, 414, 'uri_too_long'],
    ['what is no HTTP', 'PLEASE PAINT', 400, 'malformed_request'],
    ['endless headers', `GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}`, 431, 'malformed_request'],
  ])('refuses %s with typed JSON', async (_name, start, status, type) => {
    const answer = await rawRequest(
      gateway.url,
      `${start}\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ type });
  });

  it("refuses a request without Host with typed JSON, which OpenAI's clients do not repeat", async () => {
    const answer = await rawRequest(gateway.url, 'GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toMatch(/\r\nx-should-retry: false\r\n/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ error: { code: 'malformed_request' } });
  });

  it.each(['', 'x'.repeat(256), 'snow\u00e9'])('refuses the idempotency key %j', async (key) => {
    const answer = await post(generations, { prompt: 'x' }, { 'idempotency-key': key });
    expect(await answer.json()).toMatchObject({ type: 'invalid_idempotency_key' });
  });

  it('takes an empty body that is announced as JSON', async () => {
    const answer = await gateway.fetch(`${generations}/${uuid}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    expect(await answer.json()).toMatchObject({ type: 'unknown_job' });
  });

  it('never answers anything with 500 or without a type', async () => {
    const field = fc.constantFrom(
      'prompt',
      'width',
      'height',
      'num_images',
      'seed',
      'modelId',
      'presetStyle',
      'controlnets',
      'elements',
      'init_image_id',
      'guidance_scale',
      'service',
      'serviceParams',
      'tokens',
      'name',
      'scopes',
      'size',
      'n',
      'extension',
      '__proto__',
    );
    const path = fc.constantFrom(
      generations,
      '/v1/images/generations',
      '/api/rest/v1/pricing-calculator',
      '/api/rest/v1/init-image',
      '/api/rest/v1/keys',
      '/api/rest/v1/account/topup',
      `${generations}/x/cancel`,
      '/api/rest/v1/../me',
      '/api/rest/v1/me',
    );
    const value = fc.oneof(fc.jsonValue(), fc.double(), fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', 1e308, -0, 2 ** 53));
    const body = fc.oneof(
      fc.dictionary(field, value).map((object) => JSON.stringify(object)),
      fc.string({ unit: 'binary' }),
      fc.json(),
    );
    await fc.assert(
      fc.asyncProperty(path, body, fc.constantFrom('POST', 'DELETE', 'PUT'), async (at, sent, method) => {
        const answer = await gateway.fetch(at, { method, body: sent });
        const text = await answer.text();
        expect(answer.status).toBeLessThan(500);
        expect(answer.headers.get('content-type')).toContain('application/json');
        const parsed = JSON.parse(text) as { type?: string; error?: { type?: string } };
        if (answer.status !== 200) expect(parsed.type ?? parsed.error?.type).toEqual(expect.any(String));
        expect(text).not.toMatch(/\bat .*\.js:\d+/);
      }),
      { numRuns: 400 },
    );
  });
});

function rawRequest(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(port), hostname, () => socket.write(request));
    const chunks: Buffer[] = [];
    socket
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => resolve(Buffer.concat(chunks).toString()))
      .on('error', reject);
  });
}
