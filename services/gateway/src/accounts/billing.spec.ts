import { credentials, makeGenericClientConstructor, Metadata, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BillingService } from '@tessera/contracts/tessera/gateway/v1/billing_pb.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

const api = '/api/rest/v1';
type Call = (request: object, metadata: Metadata, done: (error: ServiceError | null, reply: never) => void) => void;

describe('billing over REST', () => {
  let gateway: OpenGateway;
  let client: InstanceType<ReturnType<typeof makeGenericClientConstructor>>;
  beforeAll(async () => {
    gateway = await openGateway();
    const Client = makeGenericClientConstructor(packageDefinition([BillingService])[BillingService.typeName] as never, 'Billing');
    client = new Client(gateway.grpcAddress, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await gateway.close();
  });

  const ask = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await gateway.fetch(`${api}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    return { status: answer.status, body: (await answer.json()) as { type?: string; accountId?: string; key?: string } };
  };
  const keyFor = async (body: object, headers: Record<string, string> = {}) => ({
    authorization: `Bearer ${(await ask('POST', '/keys', { name: 'k', ...body }, headers)).body.key}`,
  });
  const teamAccount = async () => (await ask('POST', '/accounts', { plan: 'team-starter' })).body.accountId ?? '';
  const lastCall = () => gateway.services.billingCalls.at(-1);

  describe('over REST', () => {
    it('lets the owner act for an account that was opened, and give it keys', async () => {
      const accountId = await teamAccount();
      const asTeam = await keyFor({}, { 'tessera-account': accountId });
      expect((await ask('GET', '/account', undefined, asTeam)).body).toMatchObject({ accountId, plan: 'team-starter' });
      expect((await ask('POST', '/account/plan', { plan: 'maestro' }, { 'tessera-account': accountId })).status).toBe(200);
      expect(lastCall()).toMatchObject({ method: 'ChangePlan', request: { accountId, plan: 'maestro' } });
    });

    it('opens an account once for an idempotency key', async () => {
      const open = async () => (await ask('POST', '/accounts', { plan: 'free' }, { 'idempotency-key': 'once' })).body.accountId;
      expect(await open()).toBe(await open());
    });

    it('refuses to act for another account to anyone else', async () => {
      const [first, second] = [await teamAccount(), await teamAccount()];
      const asFirst = await keyFor({}, { 'tessera-account': first });
      expect(await ask('GET', '/account', undefined, { ...asFirst, 'tessera-account': second })).toMatchObject({
        status: 403,
        body: { type: 'owner_only' },
      });
      expect(await ask('POST', '/account/plan', { plan: 'maestro' }, asFirst)).toMatchObject({ status: 403, body: { type: 'owner_only' } });
    });

    it('does not let a member lift its own cap, change the plan or make keys', async () => {
      const asMember = await keyFor({ memberId: 'ann', project: 'ads' });
      for (const [method, path, body] of [
        ['PUT', '/account/members/ann', {}],
        ['PUT', '/account/limits', {}],
        ['DELETE', '/account/plan', undefined],
        ['POST', '/keys', { name: 'x' }],
        ['POST', '/account/topup', { tokens: 1 }],
      ] as const) {
        expect(await ask(method, path, body, asMember)).toMatchObject({ status: 403, body: { type: 'member_key' } });
      }
    });

    it("counts a member's jobs to the member and the project of the key", async () => {
      await ask('POST', '/generations', { prompt: 'an apple' }, await keyFor({ memberId: 'ann', project: 'ads' }));
      expect(gateway.services.submissions.at(-1)).toMatchObject({ memberId: 'ann', project: 'ads' });
    });

    it('passes limits on as they were named: set, taken away, or left alone', async () => {
      await ask('PUT', '/account/limits', { spendCapTokens: null, lowBalanceTokens: 5 });
      expect(lastCall()?.request).toMatchObject({
        spendCap: expect.not.objectContaining({ tokens: expect.anything() }),
        lowBalance: { tokens: 5n },
      });
      await ask('PUT', '/account/limits', { lowBalanceTokens: null });
      expect(lastCall()?.request).not.toHaveProperty('spendCap');
    });

    it("pauses a plan until a day or until it is asked to go on, which is the owner's to ask", async () => {
      const accountId = await teamAccount();
      const asTeam = await keyFor({}, { 'tessera-account': accountId });
      expect((await ask('POST', '/account/plan/pause', { resumesAt: '2027-03-01' }, asTeam)).status).toBe(200);
      expect(lastCall()).toMatchObject({ method: 'PausePlan', request: { accountId, resumesMs: BigInt(Date.UTC(2027, 2, 1)) } });
      await ask('POST', '/account/plan/pause', undefined, asTeam);
      expect(lastCall()).toMatchObject({ method: 'PausePlan', request: { resumesMs: 0n } });
      expect(await ask('POST', '/account/plan/resume', undefined, asTeam)).toMatchObject({ status: 403, body: { type: 'owner_only' } });
      expect((await ask('POST', '/account/plan/resume', undefined, { 'tessera-account': accountId })).status).toBe(200);
      expect(lastCall()).toMatchObject({ method: 'ResumePlan', request: { accountId } });
    });

    it('asks for the books of the wallet that is named', async () => {
      for (const path of ['/account/usage', '/account/statement', '/account/balance']) {
        await ask('GET', `${path}?wallet=credits`);
        expect(lastCall()?.request).toMatchObject({ wallet: 'credits' });
        await ask('GET', path);
        expect(lastCall()?.request).toMatchObject({ wallet: 'plan' });
      }
      await ask('PUT', '/account/limits', { lowBalanceTokens: 5, wallet: 'credits' });
      expect(lastCall()?.request).toMatchObject({ wallet: 'credits', lowBalance: { tokens: 5n } });
      expect(await ask('GET', '/account/usage?wallet=shoe')).toMatchObject({ status: 400, body: { type: 'invalid_field' } });
    });

    it('lets a key pay with API credits', async () => {
      await ask('POST', '/generations', { prompt: 'an apple' }, await keyFor({ wallet: 'credits' }));
      expect(gateway.services.submissions.at(-1)).toMatchObject({ wallet: 'credits' });
    });

    it('quotes any kind of work, also for a key that may only read', async () => {
      const asReader = await keyFor({ scopes: ['read'] });
      expect(await ask('POST', '/quote', { kind: 'motion', width: 512, height: 512, wallet: 'credits' }, asReader)).toMatchObject({
        status: 200,
        body: { quote: { wallet: 'credits', totalTokens: expect.any(Number) } },
      });
      expect(await ask('POST', '/quote', { kind: 'shoe', width: 512, height: 512 })).toMatchObject({ status: 400 });
    });

    it('marks a picture as accepted and takes the mark back', async () => {
      const id = '0199aaaa-0000-7000-8000-000000000001';
      expect(await ask('PUT', `/pictures/${id}`, { accepted: true })).toMatchObject({ status: 200, body: { id, accepted: true } });
      expect(gateway.services.accepted).toContain(id);
      expect(await ask('PUT', `/pictures/${id}`, { accepted: false })).toMatchObject({ body: { accepted: false } });
      expect(await ask('PUT', '/pictures/..%2F', { accepted: true })).toMatchObject({ status: 404 });
    });

    it('makes lives up for a simulation when asked to', async () => {
      await gateway.fetch(`${api}/catalogue/simulation?synthetic=true&seed=9&days=3`, { method: 'POST', body: '[{"version":"test"}]' });
      expect(gateway.services.simulations.at(-1)).toMatchObject({ synthetic: { seed: 9, days: 3, accountsPerPlan: 5, jobsPerDay: 20 } });
    });

    it('reads dates and times as periods', async () => {
      expect(await ask('GET', '/account/usage?by=project&from=2026-01-01&to=2026-02-01T00:00:00%2B01:00')).toMatchObject({
        status: 200,
        body: { by: 'project', total: { tokens: 8, tokensPerImage: 4 } },
      });
      expect(lastCall()?.request).toMatchObject({
        by: 'project',
        period: { fromMs: BigInt(Date.UTC(2026, 0, 1)), toMs: BigInt(Date.UTC(2026, 0, 31, 23)) },
      });
    });

    it.each(['/account/usage', '/account/statement', '/account/entries.csv', '/account/entries.parquet'])(
      'refuses a period that runs backwards at %s',
      async (path) => {
        const calls = gateway.services.billingCalls.length;
        for (const period of ['from=2030-01-01&to=2020-01-01', 'from=9000-01-01'])
          expect(await ask('GET', `${path}?${period}`)).toMatchObject({ status: 400, body: { type: 'invalid_field', param: 'from' } });
        expect(gateway.services.billingCalls).toHaveLength(calls);
        expect((await gateway.fetch(`${api}${path}?from=2026-01-01&to=2026-01-01`)).status).toBe(200);
      },
    );

    it.each(['dryrun', 'dry_run', 'DryRun', 'dyrRun'])('offers dryRun for %s and makes no job', async (name) => {
      const jobs = gateway.services.jobs.size;
      expect(await ask('POST', `/generations?${name}=true`, { prompt: 'a red apple' })).toMatchObject({
        status: 400,
        body: { type: 'unknown_field', param: name, error: `Unexpected variable ${name}. Did you mean dryRun?` },
      });
      expect(gateway.services.jobs.size).toBe(jobs);
    });

    it('answers statement, past balance and plans', async () => {
      expect(await ask('GET', '/account/statement')).toMatchObject({
        body: { lines: [{ kind: 'allowance', operations: 1, tokens: 25_000 }], closing: { balanceTokens: 25_000 } },
      });
      expect(await ask('GET', '/account/balance?at=2026-01-01')).toMatchObject({ body: { balanceTokens: 25_000 } });
      expect(await ask('GET', '/plans')).toMatchObject({ body: { plans: [{ plan: 'artisan', priceCents: 3_000 }] } });
    });

    it('streams the ledger as a CSV file', async () => {
      const answer = await gateway.fetch(`${api}/account/entries.csv`);
      expect(answer.headers.get('content-type')).toContain('text/csv');
      expect(await answer.text()).toBe('sequence\r\n1\r\n');
    });

    it("hands a provider's event on byte for byte, without a key", async () => {
      const payload = '{ "b": 1,  "a": "\u00e4" }';
      const answer = await fetch(new URL(`${api}/payments/stripe/webhook`, gateway.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': 't=1,v1=ab' },
        body: payload,
      });
      expect(await answer.json()).toEqual({ outcome: 'applied' });
      const {
        provider,
        signature,
        payload: received,
      } = (lastCall()?.request ?? {}) as { provider: string; signature: string; payload: Uint8Array };
      expect([provider, signature, Buffer.from(received).toString()]).toEqual(['stripe', 't=1,v1=ab', payload]);
    });

    it("records payments and refunds by the owner's word only", async () => {
      const [first, second] = [await teamAccount(), await teamAccount()];
      expect(await ask('POST', '/account/payments', { paymentId: 'inv-1', pack: 'small' }, { 'tessera-account': first })).toMatchObject({
        status: 200,
        body: { outcome: 'applied', account: { accountId: first } },
      });
      expect(lastCall()?.request).toMatchObject({ accountId: first, paymentId: 'inv-1', pack: 'small' });
      expect(await ask('DELETE', '/account/payments/inv-1')).toMatchObject({ status: 200, body: { outcome: 'repeated' } });
      const asSecond = await keyFor({}, { 'tessera-account': second });
      expect(await ask('POST', '/account/payments', { paymentId: 'inv-2', pack: 'small' }, asSecond)).toMatchObject({ status: 403 });
      expect(await ask('DELETE', '/account/payments/inv-1', undefined, asSecond)).toMatchObject({ status: 403 });
    });

    it('shows the price list to the owner, judges a changed one and simulates it', async () => {
      const priceList = (await ask('GET', '/catalogue')).body;
      expect(priceList).toEqual([{ version: 'test' }]);
      expect(await ask('POST', '/catalogue/lint', priceList)).toMatchObject({ body: { findings: [{ severity: 'error', code: 'shape' }] } });
      expect(lastCall()?.request).toMatchObject({ catalogueJson: '[{"version":"test"}]' });
      const answer = await gateway.fetch(`${api}/catalogue/simulation`, { method: 'POST', body: JSON.stringify(priceList) });
      expect(JSON.parse(await answer.text())).toMatchObject({ accountId: 'one', real: { spentTokens: 8 }, simulated: { spentTokens: 16 } });
      const asTeam = await keyFor({}, { 'tessera-account': await teamAccount() });
      for (const [method, path] of [
        ['GET', '/catalogue'],
        ['POST', '/catalogue/lint'],
        ['POST', '/catalogue/simulation'],
      ] as const) {
        expect(await ask(method, path, method === 'POST' ? priceList : undefined, asTeam)).toMatchObject({
          status: 403,
          body: { type: 'owner_only' },
        });
      }
      expect(await ask('POST', '/catalogue/lint', { plans: {} })).toMatchObject({ status: 400, body: { type: 'invalid_field' } });
    });

    it('reconciles for the owner, a line for each finding', async () => {
      const answer = await gateway.fetch(`${api}/reconciliation`);
      expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
      expect(JSON.parse(await answer.text())).toEqual({ summary: { accounts: 0, jobs: 3, settlements: 0, findings: 0 } });
      expect(await ask('GET', '/reconciliation', undefined, await keyFor({}, { 'tessera-account': await teamAccount() }))).toMatchObject({
        status: 403,
        body: { type: 'owner_only' },
      });
    });

    it.each([
      ['GET', '/account/usage?by=shoe', undefined, 'invalid_field'],
      ['GET', '/account/usage?from=yesterday', undefined, 'invalid_field'],
      ['GET', '/account/balance?at=2026-13-01', undefined, 'invalid_field'],
      ['PUT', '/account/limits', { spendCapTokens: -1 }, 'invalid_field'],
      ['PUT', '/account/limits', { spendCapTokens: 0.5 }, 'invalid_field'],
      ['PUT', '/account/limits', { spendCap: 5 }, 'unknown_field'],
      ['POST', '/account/plan', {}, 'missing_field'],
      ['POST', '/account/plan', { plan: 'maestro', seats: 0 }, 'invalid_field'],
      ['POST', '/account/reversals', { operationId: '' }, 'invalid_field'],
    ])('refuses %s %s with %j', async (method, path, body, type) => {
      expect(await ask(method, path, body)).toMatchObject({ status: 400, body: { type } });
    });
  });

  describe('over gRPC', () => {
    const call = <T>(method: string, request: object, authorization = `Bearer ${gateway.key}`) =>
      new Promise<T>((resolve, reject) => {
        const metadata = new Metadata();
        metadata.set('authorization', authorization);
        (client[method] as unknown as Call).call(client, request, metadata, (error, reply) => (error ? reject(error) : resolve(reply)));
      });

    const streamed = (method: string, request: object) =>
      new Promise<void>((resolve, reject) => {
        const metadata = new Metadata();
        metadata.set('authorization', `Bearer ${gateway.key}`);
        (client[method] as unknown as (request: object, metadata: Metadata) => ClientReadableStream<unknown>)
          .call(client, request, metadata)
          .on('data', () => {})
          .on('error', reject)
          .on('end', resolve);
      });

    it('takes the account from the key, and an operation id when there is one', async () => {
      await call('SetLimits', { operationId: 'mine', spendCap: { tokens: 5n } });
      expect(lastCall()).toMatchObject({
        method: 'SetLimits',
        request: { accountId: gateway.installation.ownerAccountId, operationId: 'mine', spendCap: { tokens: 5n } },
      });
      await call('CancelPlan', {});
      expect(lastCall()?.request).toMatchObject({ operationId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    });

    it('opens accounts for the owner only, and tops them up', async () => {
      const { account } = await call<{ account: { accountId: string } }>('OpenAccount', { plan: 'free' });
      expect(account.accountId).toMatch(/^[0-9a-f-]{36}$/);
      await expect(call('OpenAccount', { plan: 'free', accountId: 'acme.credits' })).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
      const asTeam = (await keyFor({}, { 'tessera-account': await teamAccount() })).authorization;
      for (const method of ['OpenAccount', 'TopUp', 'ResumePlan'])
        await expect(call(method, { plan: 'free' }, asTeam)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
      expect(await call('TopUp', { accountId: account.accountId, tokens: 5n, wallet: 'credits' })).toMatchObject({
        account: { accountId: account.accountId },
      });
    });

    it('refuses strangers and members what is not theirs', async () => {
      const asMember = (await keyFor({ memberId: 'ann' })).authorization;
      await expect(call('GetUsage', {}, 'Bearer nobody')).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
      await expect(call('PutMember', { memberId: 'ann' }, asMember)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
      await expect(call('GetUsage', { accountId: await teamAccount() }, asMember)).rejects.toMatchObject({
        code: status.PERMISSION_DENIED,
      });
    });

    it.each(['GetUsage', 'GetStatement', 'ExportEntries'])('refuses a period of %s that runs backwards', async (method) => {
      const period = { fromMs: 2_000n, toMs: 1_000n };
      const refusal = method === 'ExportEntries' ? streamed(method, { period }) : call(method, { period });
      const { code, metadata } = await refusal.then(
        () => ({ code: status.OK, metadata: new Metadata() }),
        (error: ServiceError) => error,
      );
      expect([code, metadata.get('tessera-reason')]).toEqual([status.INVALID_ARGUMENT, ['invalid_field']]);
    });

    it('answers what billing answers', async () => {
      expect(await call('GetStatement', {})).toMatchObject({ closing: { balanceTokens: 25_000n } });
      expect(await call('ListPlans', {})).toMatchObject({ plans: [{ plan: 'artisan' }] });
    });
  });
});
