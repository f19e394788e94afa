import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cache } from '@tessera/cache/cache.js';
import { unavailable } from '@tessera/platform/errors.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { SmallServices } from '../services.fixture.js';

const me = '/api/rest/v1/me';
const keys = '/api/rest/v1/keys';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('API keys', () => {
  let gateway: OpenGateway;
  beforeAll(async () => {
    gateway = await openGateway();
  });
  afterAll(() => gateway.close());

  const as = (authorization: string, at = me, init: RequestInit = {}) => gateway.fetch(at, { ...init, headers: { authorization } });
  const create = async (body: object) =>
    (await (await gateway.fetch(keys, { method: 'POST', body: JSON.stringify(body) })).json()) as { id: string; key: string };

  it.each(['Bearer', 'bearer', 'BEARER'])('lets the key in with the scheme %s', async (scheme) => {
    expect((await as(`${scheme} ${gateway.key}`)).status).toBe(200);
  });

  it('lets the bare key in', async () => {
    expect((await as(gateway.key)).status).toBe(200);
  });

  it.each([
    ['', 'missing_key'],
    ['Bearer', 'missing_key'],
    ['Bearer nobody', 'wrong_key'],
    [`Basic ${Buffer.from('a:b').toString('base64')}`, 'wrong_key'],
    [`Bearer ${'x'.repeat(5_000)}`, 'wrong_key'],
  ])('refuses the authorization %j', async (authorization, type) => {
    const answer = await as(authorization);
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status: 401, type, code: 'access-denied' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('shows a new key once, as a UUID', async () => {
    const created = await create({ name: 'batch' });
    expect(created.key).toMatch(uuid);
    expect((await as(`Bearer ${created.key}`)).status).toBe(200);
    const listed = await (await gateway.fetch(keys)).text();
    expect(listed).toContain(created.id);
    expect(listed).not.toContain(created.key);
  });

  it('refuses a revoked key at once', async () => {
    const created = await create({ name: 'short' });
    expect((await as(`Bearer ${created.key}`)).status).toBe(200);
    expect(await (await gateway.fetch(`${keys}/${created.id}`, { method: 'DELETE' })).json()).toMatchObject({
      id: created.id,
      revokedAt: expect.any(String),
    });
    expect((await as(`Bearer ${created.key}`)).status).toBe(401);
  });

  it('ends the key of a member with the membership, and makes none for somebody who is no member', async () => {
    const stranger = await gateway.fetch(keys, { method: 'POST', body: JSON.stringify({ name: 'k', memberId: 'bob' }) });
    expect(stranger.status).toBe(404);
    expect(await stranger.json()).toMatchObject({ type: 'unknown_member', param: 'memberId' });
    const { key } = await create({ name: 'k', memberId: 'ann' });
    expect((await as(`Bearer ${key}`)).status).toBe(200);
    const [account] = gateway.services.accounts.values();
    account!.members = [];
    expect((await gateway.fetch('/api/rest/v1/account/members/ann', { method: 'DELETE' })).status).toBe(200);
    const refused = await as(`Bearer ${key}`);
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ type: 'wrong_key' });
  });

  it('lets a read key read and nothing else', async () => {
    const { key } = await create({ name: 'viewer', scopes: ['read'] });
    expect((await as(`Bearer ${key}`)).status).toBe(200);
    const answer = await gateway.fetch(keys, { method: 'POST', body: '{"name":"x"}', headers: { authorization: `Bearer ${key}` } });
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status: 403, type: 'read_only_key' });
  });
});

describe("the plan's request limit", () => {
  it('is told in headers and enforced', async () => {
    const services = new SmallServices();
    services.requestsPerMinute = 2;
    const gateway = await openGateway({ services });
    const answers = [await gateway.fetch(me), await gateway.fetch(me), await gateway.fetch(me)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(['1', '0', '0']);
    expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answers[2]?.json()).toMatchObject({ type: 'rate_limited' });
    await gateway.close();
  });
});

describe('while the cache is away', () => {
  it('stays ready, says what is missing, and counts requests by itself', async () => {
    const services = new SmallServices();
    services.requestsPerMinute = 2;
    const gateway = await openGateway({ services, cache: new AbsentCache() });
    const ready = await fetch(`${gateway.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'degraded', checks: expect.objectContaining({ documents: 'ok', billing: 'ok', cache: 'failed' }) },
    ]);
    const answers = [await gateway.fetch(me), await gateway.fetch(me), await gateway.fetch(me)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    await gateway.close();
  });
});

/** As a Redis that cannot be reached. */
class AbsentCache extends Cache {
  readonly #refuse = () => Promise.reject(unavailable('cache_unavailable', 'The cache does not answer.'));
  get = this.#refuse;
  set = this.#refuse;
  delete = this.#refuse;
  increment = this.#refuse;
  publish = this.#refuse;
  subscribe = this.#refuse;
  close = () => {};
}

describe('the first start', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-keys-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('mints the owner a key, keeps it in a file only the owner can read, and stays with it', async () => {
    const first = await openGateway({ dataDir });
    const file = path.join(first.dataDir, 'owner-key');
    expect((await readFile(file, 'utf8')).trim()).toBe(first.installation.mintedKey);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await first.close();
    const second = await openGateway({ dataDir, services: first.services });
    expect(second.installation).toMatchObject({ ownerAccountId: first.installation.ownerAccountId });
    expect(second.installation.mintedKey).toBeUndefined();
    await second.close();
  });

  it('takes the key that it is given', async () => {
    const gateway = await openGateway({ apiKey: 'a-key-of-my-own-choice' });
    expect(gateway.installation.mintedKey).toBeUndefined();
    expect((await gateway.fetch(me)).status).toBe(200);
    await gateway.close();
  });

  it('agrees with another one at the same time', async () => {
    const services = new SmallServices();
    const [a, b] = await Promise.all([
      openGateway({ dataDir, services }),
      openGateway({ dataDir, services, name: 'gateway of another process' }),
    ]);
    expect(a.installation.ownerAccountId).toBe(b.installation.ownerAccountId);
    expect([a.installation.mintedKey, b.installation.mintedKey].filter(Boolean)).toHaveLength(1);
    await Promise.all([a.close(), b.close()]);
  });
});
