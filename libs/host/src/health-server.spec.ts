import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HealthChecks } from '@tessera/platform/health.js';
import { serveHealth, type HealthServer } from './health-server.js';

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describe('the health port', () => {
  let server: HealthServer;
  let url = '';
  let [isReachable, isCached] = [true, true];

  beforeEach(async () => {
    [isReachable, isCached] = [true, true];
    const answering = (does: boolean) => (does ? Promise.resolve() : Promise.reject(new Error('away')));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = await serveHealth(
      port,
      '127.0.0.1',
      new HealthChecks({ documents: async () => {}, objects: () => answering(isReachable) }, { cache: () => answering(isCached) }),
    );
  });
  afterEach(() => server.close());

  const get = async (path: string) => {
    const answer = await fetch(`${url}${path}`);
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() };
  };

  it('says that the process lives from the start of its start, and that it is not ready', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: '{"status":"starting","checks":{}}' });
  });

  it('is ready when it has started and everything it needs answers', async () => {
    server.started();
    expect(await get('/readyz')).toMatchObject({
      status: 200,
      body: '{"status":"ok","checks":{"documents":"ok","objects":"ok","cache":"ok"}}',
    });
  });

  it('names what does not answer, and stays alive', async () => {
    isReachable = false;
    server.started();
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      body: '{"status":"not_ready","checks":{"documents":"ok","objects":"failed","cache":"ok"}}',
    });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });

  it('is ready, and says that something is missing, while only what it can do without does not answer', async () => {
    isCached = false;
    server.started();
    expect(await get('/readyz')).toMatchObject({
      status: 200,
      body: '{"status":"degraded","checks":{"documents":"ok","objects":"ok","cache":"failed"}}',
    });
  });

  it('takes no more traffic while it stops', async () => {
    server.started();
    server.stopping();
    expect(await get('/readyz')).toMatchObject({ status: 503 });
  });

  it('serves the metrics in the format that has exemplars', async () => {
    const { status, type, body } = await get('/metrics');
    expect({ status, type }).toEqual({ status: 200, type: 'application/openmetrics-text; version=1.0.0; charset=utf-8' });
    expect(body.endsWith('# EOF\n')).toBe(true);
  });
});
