import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EntitlementsSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const api = '/api/rest/v1';

describe('an account whose plan does not include the API', () => {
  let gateway: OpenGateway;
  let accountId: string;
  let key: string;
  const clock = new ManualClock();

  const json = async (response: Response) => ({ status: response.status, body: (await response.json()) as Record<string, unknown> });
  const asAccount = (at: string, init: RequestInit = {}) =>
    gateway.fetch(at, { ...init, headers: { authorization: `Bearer ${key}` } }).then(json);
  const asOwner = (at: string, init: RequestInit = {}) =>
    gateway.fetch(at, { ...init, headers: { 'tessera-account': accountId } }).then(json);
  const forbid = (...capabilities: string[]) => {
    const account = gateway.services.accounts.get(accountId);
    if (!account) throw new Error('The account was opened.');
    account.entitlements = create(EntitlementsSchema, {
      planName: 'Free',
      forbidden: capabilities.map((capability) => ({ capability, plan: 'artisan', planName: 'Artisan' })),
    });
    clock.advance(5_000);
  };

  beforeAll(async () => {
    gateway = await openGateway({ clock });
    accountId = String(
      (await json(await gateway.fetch(`${api}/accounts`, { method: 'POST', body: JSON.stringify({ plan: 'free' }) }))).body['accountId'],
    );
    key = String(
      (
        await json(
          await gateway.fetch(`${api}/keys`, {
            method: 'POST',
            body: JSON.stringify({ name: 'theirs' }),
            headers: { 'tessera-account': accountId },
          }),
        )
      ).body['key'],
    );
  });
  beforeEach(() => forbid('api'));
  afterAll(() => gateway.close());

  it.each([
    ['GET', '/me'],
    ['GET', '/account'],
    ['GET', '/generations/user/self'],
    ['POST', '/generations'],
    ['POST', '/quote'],
  ])('is refused %s %s in a sentence that names the plan which would do', async (method, path) => {
    const { status, body } = await asAccount(`${api}${path}`, { method });
    expect({ status, type: body['type'], error: body['error'] }).toEqual({
      status: 402,
      type: 'plan_forbids_api',
      error: 'The plan Free does not include access by API; Artisan is the cheapest that does.',
    });
  });

  it('is let in within seconds of a change of its plan', async () => {
    forbid();
    expect((await asAccount(`${api}/me`)).status).toBe(200);
  });

  it("does not keep the installation's owner from looking after it", async () => {
    expect(await asOwner(`${api}/account`)).toMatchObject({
      status: 200,
      body: { accountId, entitlements: { planName: 'Free', forbidden: [{ capability: 'api', plan: 'artisan' }] } },
    });
  });

  it("does not keep the installation's owner out, whatever the owner's own plan says", async () => {
    const own = gateway.services.accounts.get(gateway.installation.ownerAccountId);
    if (!own) throw new Error('The owner has an account.');
    own.entitlements = create(EntitlementsSchema, { planName: 'Owner', forbidden: [{ capability: 'api' }] });
    clock.advance(5_000);
    expect((await gateway.fetch(`${api}/me`)).status).toBe(200);
  });

  it('is let in for everything else that its plan does not include', async () => {
    forbid('motion', 'training', 'characters', 'private_pictures');
    expect((await asAccount(`${api}/me`)).status).toBe(200);
  });
});
