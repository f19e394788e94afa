import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resourceExhausted, unavailable } from '@tessera/platform/errors.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const generations = '/api/rest/v1/generations';

type Created = { sdGenerationJob: { generationId: string; tessera: { isReplay: boolean } }; generations_by_pk?: { status: string } };

describe('generations over REST', () => {
  let gateway: OpenGateway;
  beforeAll(async () => {
    gateway = await openGateway();
  });
  afterAll(() => gateway.close());

  const create = async (body: object = {}, headers: Record<string, string> = {}, query = '') => {
    const answer = await gateway.fetch(`${generations}${query}`, {
      method: 'POST',
      body: JSON.stringify({ prompt: 'a red apple', ...body }),
      headers,
    });
    return { answer, json: (await answer.json()) as Created };
  };
  const createdId = async () => (await create()).json.sdGenerationJob.generationId;

  it('passes the idempotency key on and marks the replay', async () => {
    const first = await create({}, { 'idempotency-key': 'once' });
    const second = await create({}, { 'idempotency-key': 'once' });
    expect(gateway.services.submissions.at(-1)?.idempotencyKey).toBe('once');
    expect(second.json.sdGenerationJob.generationId).toBe(first.json.sdGenerationJob.generationId);
    expect([first.json.sdGenerationJob.tessera.isReplay, second.json.sdGenerationJob.tessera.isReplay]).toEqual([false, true]);
  });

  it('prices a dry run and creates nothing', async () => {
    const before = gateway.services.jobs.size;
    const { json } = await create({ width: 1024, height: 512 }, {}, '?dryRun=true');
    expect(json.sdGenerationJob).toMatchObject({
      apiCreditCost: 8,
      cost: { amount: '8', unit: 'CREDITS' },
      tessera: { dryRun: true, request: { imageWidth: 1024, imageHeight: 512 } },
    });
    expect(json.sdGenerationJob.generationId).toBeUndefined();
    expect(gateway.services.jobs.size).toBe(before);
  });

  it('answers a creation with the finished generation when asked to wait', async () => {
    const { answer, json } = await create({}, { prefer: 'wait=30' });
    expect(answer.headers.get('preference-applied')).toBe('wait=30');
    expect(json.generations_by_pk?.status).toBe('COMPLETE');
  });

  it('holds a read until the job ends', async () => {
    gateway.services.endsAtOnce = false;
    const id = await createdId();
    const read = gateway.fetch(`${generations}/${id}?wait=30000`);
    gateway.services.finish(id);
    expect(await (await read).json()).toMatchObject({ generations_by_pk: { status: 'COMPLETE', tessera: { state: 'succeeded' } } });
    gateway.services.endsAtOnce = true;
  });

  it('shows nothing of a job to another account', async () => {
    const id = await createdId();
    const job = gateway.services.jobs.get(id)!;
    job.accountId = 'another';
    for (const [method, path] of [
      ['GET', id],
      ['DELETE', id],
      ['GET', `${id}/events`],
      ['GET', `${id}/bill`],
      ['POST', `${id}/cancel`],
    ] as const) {
      expect((await gateway.fetch(`${generations}/${path}`, { method })).status).toBe(404);
    }
  });

  it('carries a limit with the time to come back', async () => {
    gateway.services.refusal = resourceExhausted('queue_full', 'Your queue is full.', { retryAfterMs: 2_500 });
    const { answer, json } = await create();
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('3');
    expect(json).toMatchObject({ type: 'queue_full', code: 'rate-limited' });
    gateway.services.refusal = unavailable('service_unavailable', 'generation is not reachable.');
    expect((await create()).answer.status).toBe(503);
    gateway.services.refusal = undefined;
  });

  it('hides what went wrong inside and names the incident', async () => {
    gateway.services.refusal = new TypeError('secret detail at /some/file.js:1') as never;
    const { answer, json } = await create();
    expect(answer.status).toBe(500);
    expect(JSON.stringify(json)).not.toContain('secret');
    expect((json as unknown as { error: string; requestId: string }).error).toContain(answer.headers.get('x-request-id'));
    gateway.services.refusal = undefined;
  });

  it('shows the bill, the account, the queue, the entries and the audit', async () => {
    const id = await createdId();
    const read = async (path: string) => (await gateway.fetch(`/api/rest/v1/${path}`)).json();
    expect(await read(`generations/${id}/bill?wait=10`)).toMatchObject({
      jobId: id,
      state: 'settled',
      chargedTokens: 8,
      quote: { totalTokens: 8 },
    });
    expect(await read('account')).toMatchObject({ plan: 'owner', balanceTokens: 1_000_000 });
    expect(await read('queue')).toMatchObject({ queuedJobs: expect.any(Number) });
    expect(await read('account/entries')).toMatchObject({ entries: [{ sequence: 1, kind: 'grant' }] });
    expect(await read('audit')).toMatchObject({ summary: { accounts: 1, findings: 0 } });
  });

  it('adds tokens once for one idempotency key', async () => {
    const topUp = async () =>
      (
        await gateway.fetch('/api/rest/v1/account/topup', { method: 'POST', body: '{"tokens":5}', headers: { 'idempotency-key': 'top' } })
      ).json();
    const [first, second] = [await topUp(), await topUp()] as { balanceTokens: number }[];
    expect(second?.balanceTokens).toBe(first?.balanceTokens);
  });

  it('streams states, progress, previews and the end', async () => {
    const answer = await gateway.fetch(`${generations}/${await createdId()}/events`);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const blocks = (await answer.text()).split('\n\n').filter((block) => block.startsWith('id:'));
    expect(blocks.map((block) => block.split('\n').slice(0, 2))).toEqual([
      ['id: 1.0', 'event: state'],
      ['id: 1.1', 'event: progress'],
      ['id: 1.2', 'event: preview'],
      ['id: 2.0', 'event: done'],
    ]);
    expect(blocks[2]).toContain(`"data":"${Buffer.from([1, 2, 3]).toString('base64')}"`);
    expect(JSON.parse(blocks[3]!.split('data: ')[1]!)).toMatchObject({
      status: 'COMPLETE',
      generated_images: [{ url: expect.any(String) }],
    });
  });

  it.each([
    ['the header', { 'last-event-id': '1.1' }, ''],
    ['the query', {}, '?after=1.1'],
  ])('resumes a stream after the event that %s names', async (_name, headers, query) => {
    const text = await (
      await gateway.fetch(`${generations}/${await createdId()}/events${query}`, { headers: headers as Record<string, string> })
    ).text();
    expect([...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id)).toEqual(['1.2', '2.0']);
  });

  it('takes a picture as multipart in one call', async () => {
    const form = new FormData();
    form.set('file', new Blob(['bytes']), 'cat.png');
    const answer = await fetch(`${gateway.url}/api/rest/v1/init-image`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    expect(await answer.json()).toMatchObject({
      uploadInitImage: { id: expect.any(String) },
      init_images_by_pk: { url: expect.any(String) },
    });
  });

  it.each([
    ['ends too early', '--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc'],
    ['is empty', ''],
    ['has no file', '--x\r\ncontent-disposition: form-data; name="extension"\r\n\r\npng\r\n--x--\r\n'],
    ['names no extension', '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--x--\r\n'],
    [
      'names a file type that is none',
      '--x\r\ncontent-disposition: form-data; name="file"; filename="../../a.exe"\r\n\r\nabc\r\n--x--\r\n',
    ],
    ['pollutes a prototype', '--x\r\ncontent-disposition: form-data; name="__proto__"; filename="a.png"\r\n\r\nabc\r\n--x--\r\n'],
    ['is no form', 'hello'],
  ])('refuses an upload form that %s', async (_name, body) => {
    const answer = await gateway.fetch('/api/rest/v1/init-image', {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ type: expect.any(String), error: expect.any(String) });
  });

  it('refuses a file that is too large', async () => {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(26 * 1024 * 1024)]), 'cat.png');
    const answer = await fetch(`${gateway.url}/api/rest/v1/init-image`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status: 413, type: 'body_too_large' });
  });
});
