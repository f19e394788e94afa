import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { JobService, type Job } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { startTestHost, type TestHost } from '@tessera/host/testing/test-host.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { internal } from '@tessera/platform/errors.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { worker } from '@tessera/service-worker/worker.module.js';
import OpenAI from 'openai';
import { Client } from './client.js';
import { model, TestEngine } from './image-jobs/image-jobs.factory.js';
import { apiKey } from './profiles.js';

const images = '/v1/images/generations';
const repeat = { 'x-stainless-retry-count': '1' };

/** The product in one process, with an engine that stands still until it is let go on. */
describe('a call that its client repeats', () => {
  const engine = new TestEngine();
  let host: TestHost;
  let owner: Client;
  let accountId: string;
  let client: Client;
  let open: () => void;

  const jobsOf = async (account = accountId): Promise<Job[]> =>
    (await host.client(JobService).list({ accountId: account, limit: 100 })).jobs;
  const openedAccount = async () => String((await owner.call('POST', '/api/rest/v1/accounts', { plan: 'maestro' })).body['accountId']);
  const keyOf = async (account: string, more: object = {}) =>
    new Client(
      host,
      String((await owner.call('POST', '/api/rest/v1/keys', { name: 'theirs', ...more }, { 'tessera-account': account })).body['key']),
    );
  const charged = async () => (await client.call('GET', '/api/rest/v1/account')).body;
  /** Sends a call, waits until there are so many jobs, and closes the socket. */
  const cutOff = async (body: object, count: number, headers: Record<string, string> = {}) => {
    const aborting = new AbortController();
    const asked = fetch(`${host.url}${images}`, {
      method: 'POST',
      signal: aborting.signal,
      headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const gone = expect(asked).rejects.toThrow();
    while ((await jobsOf()).length < count) await new Promise((again) => setTimeout(again, 10));
    aborting.abort();
    await gone;
  };

  beforeAll(async () => {
    host = await startTestHost([billing, storage, jobs, generation, gateway, worker], {
      config: { apiKey },
      replace: { models: new ModelRegistry([model], {}), engine },
    });
    owner = new Client(host);
  }, 60_000);
  afterAll(() => host.close());
  beforeEach(async () => {
    ({ open } = engine.shut());
    accountId = await openedAccount();
    client = await keyOf(accountId);
  });

  it('joins the open job of the call that was cut off: one job, one bill', async () => {
    const body = { prompt: 'a red apple', size: '512x512' };
    await cutOff(body, 1);
    const repeated = client.call('POST', images, body, repeat);
    open();
    const { status, body: answer } = await repeated;
    const [job, ...others] = await jobsOf();
    expect([status, answer['tessera'].generationId, others]).toEqual([200, job!.jobId, []]);
    expect(await client.bill(job!.jobId)).toMatchObject({ state: 'settled' });
    expect(await charged()).toMatchObject({ spentTokens: Number(job!.chargedTokens), openHolds: 0 });
  });

  it('joins the job that ended meanwhile', async () => {
    const body = { prompt: 'a red apple' };
    await cutOff(body, 1);
    open();
    const [first] = await jobsOf();
    await client.finished(first!.jobId);
    expect((await client.call('POST', images, body, repeat)).body['tessera'].generationId).toBe(first!.jobId);
    expect(await jobsOf()).toHaveLength(1);
  });

  it('is told that its job failed when it did, without another one', async () => {
    engine.failures = [1, 2, 3].map(() => internal('painting_failed', 'The engine crashed.'));
    const first = await client.call('POST', images, { prompt: 'a red apple' });
    expect([first.status, first.headers.get('x-should-retry')]).toEqual([500, 'false']);
    const again = await client.call('POST', images, { prompt: 'a red apple' }, repeat);
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(await jobsOf()).toHaveLength(1);
  });

  it('is a job of its own when the first one was deleted', async () => {
    await cutOff({ prompt: 'a red apple' }, 1);
    const [first] = await jobsOf();
    await client.call('DELETE', `/api/rest/v1/generations/${first!.jobId}`);
    open();
    const { status, body } = await client.call('POST', images, { prompt: 'a red apple' }, repeat);
    expect([status, body['tessera'].generationId === first!.jobId]).toEqual([200, false]);
  });

  it.each([
    ['it does not say that it is a repeat', { prompt: 'a red apple' }, {}],
    ['it counts no repeat', { prompt: 'a red apple' }, { 'x-stainless-retry-count': '0' }],
    ['its words are others', { prompt: 'a green apple' }, repeat],
    ['its size is another', { prompt: 'a red apple', size: '512x512' }, repeat],
    ['it has a key of its own', { prompt: 'a red apple' }, { ...repeat, 'idempotency-key': 'second' }],
  ])('is a job of its own when %s', async (_when, body, headers) => {
    await cutOff({ prompt: 'a red apple' }, 1);
    open();
    expect((await client.call('POST', images, body, headers)).status).toBe(200);
    expect(await jobsOf()).toHaveLength(2);
  });

  it.each([
    ['a member', { memberId: 'ada' }],
    ['a project', { project: 'shop' }],
  ])('is a job of its own when it comes from %s', async (_who, attribution) => {
    await owner.call('PUT', '/api/rest/v1/account/members/ada', {}, { 'tessera-account': accountId });
    await cutOff({ prompt: 'a red apple' }, 1);
    open();
    expect((await (await keyOf(accountId, attribution)).call('POST', images, { prompt: 'a red apple' }, repeat)).status).toBe(200);
    expect(await jobsOf()).toHaveLength(2);
  });

  it('never joins the job of another account', async () => {
    await cutOff({ prompt: 'a red apple' }, 1);
    open();
    const other = await openedAccount();
    expect((await (await keyOf(other)).call('POST', images, { prompt: 'a red apple' }, repeat)).status).toBe(200);
    expect([(await jobsOf()).length, (await jobsOf(other)).length]).toEqual([1, 1]);
  });

  it('joins the open job by an equal key, whether it says that it is a repeat or not', async () => {
    const key = { 'idempotency-key': 'once' };
    await cutOff({ prompt: 'a red apple' }, 1, key);
    const repeats = [key, { ...key, ...repeat }].map((headers) => client.call('POST', images, { prompt: 'a red apple' }, headers));
    open();
    const ids = (await Promise.all(repeats)).map(({ body }) => body['tessera'].generationId);
    expect(ids).toEqual((await jobsOf()).flatMap(({ jobId }) => [jobId, jobId]));
  });

  describe('behind a proxy that loses the first answer', () => {
    let proxy: Server;
    let url: string;
    let refuse: 'close' | 502;

    beforeAll(async () => {
      // The first try of a call reaches the server; its answer does not reach the client.
      proxy = createServer((incoming, outgoing) => {
        const isFirst = incoming.headers['x-stainless-retry-count'] === '0';
        const { hostname, port } = new URL(host.url);
        const passedOn = httpRequest(
          { hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers },
          (answer) => {
            outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.pipe(outgoing);
          },
        );
        passedOn.on('error', () => outgoing.destroy());
        incoming.pipe(passedOn);
        if (!isFirst) return;
        void (async () => {
          while ((await jobsOf()).length === 0) await new Promise((again) => setTimeout(again, 10));
          passedOn.destroy();
          if (refuse === 'close') outgoing.destroy();
          else outgoing.writeHead(refuse).end();
          open();
        })();
      });
      await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
      url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    });
    afterAll(() => new Promise((closed) => proxy.close(closed)));

    it.each(['close', 502] as const)('becomes one job with OpenAI’s own client and its default repeats: %s', async (how) => {
      refuse = how;
      const { data } = await new OpenAI({ apiKey: client.key, baseURL: `${url}/v1` }).images.generate({
        prompt: 'a red apple',
        size: '512x512',
      });
      expect(data).toHaveLength(1);
      expect(await jobsOf()).toHaveLength(1);
    });
  });
});
