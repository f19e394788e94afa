import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const api = '/api/rest/v1';

describe('payments over REST', () => {
  let gateway: OpenGateway;
  let asOther: Record<string, string>;

  const ask = async (method: string, path: string, headers: Record<string, string> = {}, body?: object) => {
    const answer = await gateway.fetch(`${api}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const lastCall = () => gateway.services.billingCalls.at(-1);

  beforeAll(async () => {
    gateway = await openGateway();
    const { accountId } = (await ask('POST', '/accounts', {}, { plan: 'free' })).body;
    const { key } = (await ask('POST', '/keys', { 'tessera-account': String(accountId) }, { name: 'k' })).body;
    asOther = { authorization: `Bearer ${String(key)}` };
  });

  afterAll(() => gateway.close());

  it('are listed a page at a time, by account and state', async () => {
    const { body } = await ask('GET', '/payments?state=waiting&accountId=acme&pageSize=1');
    expect(lastCall()?.request).toMatchObject({ accountId: 'acme', state: 'waiting', pageSize: 1 });
    expect(body).toEqual({
      payments: [
        {
          paymentId: 'stripe:pi_1',
          provider: 'stripe',
          accountId: 'acme',
          pack: 'with, comma',
          amount: 2_000,
          currency: 'usd',
          date: '1970-01-01T00:00:01.000Z',
          state: 'waiting',
          waitsFor: 'plan_forbids_topups',
          tokens: 8_500,
          wallet: 'plan',
          refundedAmount: 0,
          lostAmount: 0,
          refundedTokens: 0,
        },
      ],
      nextPageToken: 'second',
    });
    expect((await ask('GET', '/payments?pageToken=second')).body).toMatchObject({
      payments: [{ subscriptionId: 'stripe:sub_1', period: { from: '1970-01-01T00:00:01.000Z', to: '1970-01-01T00:00:05.000Z' } }],
    });
  });

  it('are exported as CSV, all pages of them', async () => {
    const answer = await gateway.fetch(`${api}/payments.csv`);
    expect(answer.headers.get('content-type')).toContain('text/csv');
    const [header, ...rows] = (await answer.text()).trimEnd().split('\r\n');
    expect(header).toMatch(/^provider,id,pack,amount,currency,date,state,/);
    expect(rows).toEqual([
      'stripe,pi_1,"with, comma",2000,usd,1970-01-01T00:00:01.000Z,waiting,acme,,8500,0,0,0,,',
      'stripe,in_1,,,,1970-01-01T00:00:03.000Z,paid,acme,stripe:sub_1,,0,0,0,1970-01-01T00:00:01.000Z,1970-01-01T00:00:05.000Z',
    ]);
  });

  it.each(['credit', 'refund'] as const)('are decided by the owner: %s', async (decision) => {
    expect(await ask('POST', `/payments/stripe:pi_1/${decision}`)).toEqual({ status: 200, body: { outcome: 'applied' } });
    expect(lastCall()).toMatchObject({ method: 'DecidePayment', request: { paymentId: 'stripe:pi_1', decision } });
  });

  it.each([
    ['GET', '/payments'],
    ['GET', '/payments.csv'],
    ['POST', '/payments/stripe:pi_1/credit'],
    ['POST', '/payments/stripe:pi_1/refund'],
  ])("are nobody else's business: %s %s", async (method, path) => {
    const calls = gateway.services.billingCalls.length;
    expect(await ask(method, path, asOther)).toMatchObject({ status: 403, body: { type: 'owner_only' } });
    expect(gateway.services.billingCalls).toHaveLength(calls);
  });

  it.each(['state=paied', 'pageSize=0', 'pageSize=501', 'acount=acme'])('refuse a query of %s', async (query) => {
    expect((await ask('GET', `/payments?${query}`)).status).toBe(400);
  });
});
