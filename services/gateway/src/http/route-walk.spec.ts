import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CapturedLog } from '@tessera/host/testing/captured-log.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { operationAt } from './openapi/operations.js';

const secret = 'signature-that-nobody-may-read';
const uuid = '0199aaaa-0000-7000-8000-000000000000';
const json = { 'content-type': 'application/json' };
/** Longer would mean that somebody else's text is written down. */
const logLineBytesMax = 700;

type Answer = { readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly text: string };
type Shot = {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | undefined;
};

/** What the parser of bodies has to refuse, whatever route it is sent to. */
const unreadable: readonly (readonly [
  name: string,
  headers: Record<string, string>,
  body: string | Buffer,
  status: number,
  type: string,
])[] = [
  ['malformed JSON', json, '{"prompt":', 400, 'malformed_json'],
  ['invalid UTF-8', json, Buffer.from([0x22, 0xff, 0x22]), 400, 'invalid_utf8'],
  ['deep JSON', json, '['.repeat(40) + ']'.repeat(40), 400, 'json_too_deep'],
  ['a packed body', { ...json, 'content-encoding': 'gzip' }, gzipSync('{"prompt":"a"}'), 415, 'unsupported_media_type'],
  ['a body in an unknown coding', { ...json, 'content-encoding': 'br, zstd' }, '{}', 415, 'unsupported_media_type'],
  ['another type', { 'content-type': 'text/json' }, '{}', 415, 'unsupported_media_type'],
  ['a type that is none', { 'content-type': 'nonsense' }, '{}', 415, 'unsupported_media_type'],
  ['no type', {}, '{}', 415, 'unsupported_media_type'],
];

describe('every route', () => {
  const log = new CapturedLog('info');
  let gateway: OpenGateway;
  /** `POST /things/:id`, as the router has them. */
  let routes: readonly (readonly [method: string, route: string])[];
  beforeAll(async () => {
    gateway = await openGateway({ logger: log.logger });
    routes = [...new Set(gateway.routes)].map((route) => route.split(' ') as [string, string]);
  });
  afterAll(() => gateway.close());

  const send = ({ method, path, headers = {}, body }: Shot): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(gateway.url);
      const asked = httpRequest(
        {
          hostname,
          port,
          method,
          path,
          headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          // A stream that never ends has said all when it has begun.
          if (answer.headers['content-type']?.startsWith('text/event-stream'))
            answer
              .once('data', () => answer.destroy())
              .once('close', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: '' }));
          answer
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }));
        },
      );
      asked.on('error', reject).end(body);
    });
  const withKey = (headers: Record<string, string> = {}) => ({ authorization: `Bearer ${gateway.key}`, ...headers });
  const takesBody = (method: string) => ['POST', 'PUT'].includes(method);
  const isObjectLink = (route: string) => route.startsWith('/objects');
  const pathOf = (route: string, value = uuid) => route.replaceAll(/:\w+|\*/g, value);

  /** In the shape that the clients of the route know; HEAD has no body. */
  function expectTyped({ method, path }: Shot, { status, headers, text }: Answer): { type: string; param: string | undefined } {
    expect({ method, path, status, isServerError: status >= 500 }).toEqual({ method, path, status, isServerError: false });
    expect(text).not.toMatch(/\n\s+at |\.js:\d+/);
    if (status < 400 || method === 'HEAD') return { type: '', param: undefined };
    expect(headers['content-type']).toMatch(/^application\/json/);
    const body = JSON.parse(text) as { error: unknown; type: string; param?: string };
    if (!path.startsWith('/v1/')) {
      expect(body).toMatchObject({
        error: expect.stringMatching(/\S/),
        path: expect.stringMatching(/^\$/),
        code: expect.any(String),
        type: expect.stringMatching(/^\w+$/),
      });
      return { type: body.type, param: body.param };
    }
    expect(body).toMatchObject({ error: { message: expect.any(String), type: expect.any(String), code: expect.any(String) } });
    const { code, param } = body.error as { code: string; param: string | null };
    return { type: code, param: param ?? undefined };
  }

  const shoot = async (shot: Shot) => {
    const answer = await send(shot);
    return { ...expectTyped(shot, answer), status: answer.status };
  };

  it('asks for a key, except where nobody has one', async () => {
    for (const [method, route] of routes) {
      const { status } = await shoot({ method, path: pathOf(route) });
      const isPublic = isObjectLink(route) || operationAt(method, route)?.isPublic === true;
      expect({ method, route, isRefused: status === 401 }).toEqual({ method, route, isRefused: !isPublic });
    }
  });

  it('answers a caller who has one with what it has or with what is wrong, typed', async () => {
    const bodies = ['{}', '[]', 'null', '{"prompt":5,"plan":[],"url":{},"tokens":"many"}'];
    for (const [method, route] of routes) {
      for (const value of [uuid, 'x', '%00', '..%2f..', '🍎'.repeat(3)].map((text) => encodeURI(decodeURIComponent(text)))) {
        await shoot({ method, path: pathOf(route, value), headers: withKey() });
        if (takesBody(method)) for (const body of bodies) await shoot({ method, path: pathOf(route, value), headers: withKey(json), body });
      }
    }
  });

  it.each(unreadable)('refuses %s', async (_name, headers, body, status, type) => {
    for (const [method, route] of routes) {
      // The links of the folder take forms, and tell in their own words what is no form.
      if (!takesBody(method) || isObjectLink(route)) continue;
      expect({ route, ...(await shoot({ method, path: pathOf(route), headers: withKey(headers), body })) }).toMatchObject({
        route,
        status,
        type,
      });
    }
  });

  it.each(['/api/rest/v1/generations', '/v1/images/generations', '/api/rest/v1/payments/stripe/webhook'])(
    'refuses a body that is too large at %s',
    async (path) => {
      const answer = await fetch(new URL(path, gateway.url), {
        method: 'POST',
        headers: withKey(json),
        body: `{"prompt":"${'x'.repeat(1_100_000)}"}`,
      });
      const shot = { method: 'POST', path };
      expect(
        expectTyped(shot, { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }).type,
      ).toBe('body_too_large');
      expect(answer.status).toBe(413);
    },
  );

  it.each(['application/vnd.api+json', 'application/problem+json; charset=utf-8'])('takes JSON that is called %s', async (type) => {
    expect(
      (
        await shoot({
          method: 'POST',
          path: '/api/rest/v1/generations?dryRun=true',
          headers: withKey({ 'content-type': type }),
          body: '{"prompt":"a"}',
        })
      ).status,
    ).toBe(200);
  });

  it('refuses methods that it does not know', async () => {
    const known = new Set(routes.map(([method, route]) => `${method} ${route}`));
    for (const [, route] of routes) {
      for (const method of ['PATCH', 'PUT', 'DELETE', 'OPTIONS', 'POST', 'GET']) {
        if (
          known.has(`${method} ${route}`) ||
          routes.some(
            ([other, pattern]) =>
              other === method && new RegExp(`^${pattern.replaceAll(/:\w+/g, '[^/]+').replace('*', '.*')}$`).test(pathOf(route)),
          )
        )
          continue;
        expect({
          method,
          route,
          ...(await shoot({ method, path: `${pathOf(route)}?signature=${secret}`, headers: withKey() })),
        }).toMatchObject({ method, route, status: 404, type: 'unknown_route' });
      }
    }
  });

  it.each(['/nowhere', '/v1/nowhere', '/api/rest/v1/nowhere', '/objects', '/api/rest/v1/', '//v1/models', `/${'x'.repeat(450)}`])(
    'does not know the path %s, and repeats no query',
    async (path) => {
      const shot = { method: 'GET', path: `${path}?expires=1&signature=${secret}` };
      const answer = await send(shot);
      expect({ ...expectTyped(shot, answer), status: answer.status }).toMatchObject({ status: 404, type: 'unknown_route' });
      expect(answer.text).not.toContain(secret);
    },
  );

  it.each(['/%zz', '/v1/%ff', '/api/rest/v1/generations/%c3%28', `/objects/${'%61'.repeat(200)}`, '/%'])(
    'cannot read the path %s',
    async (path) => {
      expect([400, 414]).toContain((await shoot({ method: 'GET', path })).status);
    },
  );

  it('refuses an expectation that nobody can meet', async () => {
    expect(
      await shoot({ method: 'POST', path: '/v1/images/generations', headers: withKey({ ...json, expect: 'a miracle' }), body: '{}' }),
    ).toMatchObject({ status: 417, type: 'malformed_request' });
  });

  it('refuses a name in the query that it does not know, except where the query is somebody else’s', async () => {
    for (const [method, route] of routes) {
      if (isObjectLink(route)) continue;
      const operation = operationAt(method, route);
      const answer = await shoot({
        method,
        path: `${pathOf(route)}?nonsense=1`,
        headers: withKey(takesBody(method) ? json : {}),
        ...(takesBody(method) ? { body: '{}' } : {}),
      });
      if (operation?.isQueryFree) expect({ route, type: answer.type }).not.toMatchObject({ type: 'unknown_field' });
      else
        expect({ route, ...answer }).toMatchObject(
          method === 'HEAD' ? { route, status: 400 } : { route, status: 400, type: 'unknown_field', param: 'nonsense' },
        );
    }
  });

  it('leaves no stack, no query, no key and no error in the log of all that', () => {
    expect(log.lines.length).toBeGreaterThan(0);
    for (const line of log.lines) {
      expect((JSON.parse(line) as { level: number }).level).toBeLessThan(40);
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(logLineBytesMax);
    }
    for (const never of [secret, gateway.key, 'stack', '.js:']) expect(log.lines.join('')).not.toContain(never);
  });
});

describe('the log of refusals', () => {
  it('has a line for a caller, and a few for all who have no key', async () => {
    const log = new CapturedLog('info');
    const gateway = await openGateway({ logger: log.logger });
    for (let at = 0; at < 60; at++) await (await fetch(`${gateway.url}/nothing/${at}?${'q'.repeat(3_000)}`)).arrayBuffer();
    await (await gateway.fetch(`/api/rest/v1/generations/${uuid}?wait=${secret}`)).arrayBuffer();
    await gateway.close();
    const refused = log.lines.map((line) => JSON.parse(line) as { msg: string; accountId?: string }).filter(({ msg }) => msg === 'refused');
    const strangers = refused.filter(({ accountId }) => accountId === undefined);
    expect(strangers.length).toBeGreaterThan(0);
    expect(strangers.length).toBeLessThan(60);
    expect(refused.filter(({ accountId }) => accountId !== undefined)).toEqual([
      expect.objectContaining({
        level: 30,
        method: 'GET',
        path: `/api/rest/v1/generations/${uuid}`,
        status: 400,
        type: 'invalid_field',
        param: 'wait',
        accountId: gateway.installation.ownerAccountId,
        requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
      }),
    ]);
  });
});
