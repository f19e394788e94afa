import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parquetReadObjects } from 'hyparquet';
import { Webhook } from 'standardwebhooks';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';
import { Receiver } from './receiver.js';

const api = '/api/rest/v1';
const apple = { prompt: 'a red apple', width: 512, height: 512, num_inference_steps: 20, num_images: 2 };

/** What an account's programs are told, what they pay with, and what a used picture costs; through the services that really run. */
describe.each(Object.entries(profiles))('Wallets, webhooks and reports, %s', (_name, start) => {
  let server: Running;
  let owner: Client;
  let shop: Client;
  let accountId: string;
  const receiver = new Receiver();
  let secret: string;

  beforeAll(async () => {
    server = await start({ dataDir: await newDataDir() });
    owner = new Client(server);
    accountId = String((await owner.call('POST', `${api}/accounts`, { plan: 'team-growth', utcOffsetMinutes: 60 })).body['accountId']);
    shop = await keyed({ name: 'shop', project: 'shop' });
    secret = String((await shop.call('POST', `${api}/webhooks`, { url: await receiver.open() })).body['secret']);
  }, 90_000);

  afterAll(async () => {
    await receiver.close();
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const asOwner = (method: string, path: string, body?: object) =>
    owner.call(method, `${api}${path}`, body, { 'tessera-account': accountId });
  const keyed = async (body: object) => new Client(server, String((await asOwner('POST', '/keys', body)).body['key']));
  const received = (type: string, matches: (data: Record<string, unknown>) => boolean = () => true) =>
    receiver.post(({ body }) => {
      const event = JSON.parse(body) as { type: string; data: Record<string, unknown> };
      return event.type === type && matches(event.data);
    });

  it('tells a program that its job has ended, signed', async () => {
    const jobId = await shop.create(apple);
    const { headers, body } = await received('job.finished', ({ generationId }) => generationId === jobId);
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ data: { state: 'succeeded', imagesDelivered: 2 } });
    expect((await shop.bill(jobId))['wallet']).toBe('plan');
  });

  it('pays with API credits where a key says so, at their own prices, and tells when they run low', async () => {
    const robot = await keyed({ name: 'robot', wallet: 'credits' });
    expect(await robot.call('POST', `${api}/generations`, apple)).toMatchObject({ status: 402, body: { type: 'insufficient_credits' } });
    await asOwner('POST', '/account/topup', { tokens: 1_000, wallet: 'credits' });
    await asOwner('PUT', '/account/limits', { lowBalanceTokens: 995, wallet: 'credits' });
    const bill = await robot.bill(await robot.create(apple));
    expect(bill).toMatchObject({ wallet: 'credits', state: 'settled', quote: { wallet: 'credits' } });
    const { body: account } = await asOwner('GET', '/account');
    expect(account['credits']).toMatchObject({
      spentCredits: bill['chargedTokens'],
      balanceCredits: 1_000 - Number(bill['chargedTokens']),
    });
    expect(JSON.parse((await received('account.low_balance')).body)).toMatchObject({ data: { wallet: 'credits', lowBalanceTokens: 995 } });
    const { body: usage } = await asOwner('GET', '/account/usage?by=job&wallet=credits');
    expect(usage['total']).toMatchObject({ jobs: 1, tokens: bill['chargedTokens'] });
  });

  it('tells what each picture cost, and what an accepted one did', async () => {
    const jobId = await shop.create(apple);
    await shop.bill(jobId);
    const { body } = await shop.call('GET', `${api}/generations/${jobId}?wait=10000`);
    const [picture] = body['generations_by_pk'].generated_images as { id: string }[];
    expect(await shop.call('PUT', `${api}/pictures/${picture?.id}`, { accepted: true })).toMatchObject({ status: 200 });
    const { body: again } = await shop.call('GET', `${api}/generations/${jobId}`);
    expect(again['generations_by_pk'].generated_images).toMatchObject([
      { tessera: { isAccepted: true } },
      { tessera: { isAccepted: false } },
    ]);
    let total: Record<string, number> = {};
    // The mark travels to billing as an event. The plan allows 120 requests a minute.
    for (let asked = 0; asked < 60 && !total['imagesAccepted']; asked++) {
      if (asked > 0) await new Promise((resolve) => setTimeout(resolve, 200));
      total = (await shop.call('GET', `${api}/account/usage?by=project`)).body['total'] as Record<string, number>;
    }
    expect(total).toMatchObject({ imagesAccepted: 1, tokensPerAcceptedImage: total['tokens'] });
    const { body: byPicture } = await shop.call('GET', `${api}/account/usage?by=asset`);
    expect((byPicture['rows'] as { tokens: number }[]).reduce((sum, { tokens }) => sum + tokens, 0)).toBe(total['tokens']);
    expect(byPicture['rows']).toContainEqual(expect.objectContaining({ key: picture?.id, imagesAccepted: 1 }));
  });

  it('writes the ledger as Parquet, row for row as the CSV has it', async () => {
    const read = (format: string) =>
      fetch(`${server.url}${api}/account/entries.${format}`, { headers: { authorization: `Bearer ${shop.key}` } });
    const rows = await parquetReadObjects({ file: await (await read('parquet')).arrayBuffer() });
    expect(rows.map(({ sequence, tokens }) => [String(sequence), String(tokens ?? '')])).toEqual(
      (await (await read('csv')).text())
        .trimEnd()
        .split('\r\n')
        .slice(1)
        .map((line) => [line.split(',')[0], line.split(',').at(-3)]),
    );
  });

  it('prices what is not a picture, and simulates a month that nobody has lived', async () => {
    expect((await shop.call('POST', `${api}/quote`, { kind: 'motion', width: 1_024, height: 576 })).body).toMatchObject({
      quote: {
        totalTokens: 46,
        lines: [
          { kind: 'motion', tokens: 40 },
          { kind: 'motion_resolution', tokens: 6 },
        ],
      },
    });
    const { body: prices } = await owner.call('GET', `${api}/catalogue`);
    const answer = await fetch(`${server.url}${api}/catalogue/simulation?synthetic=true&seed=3&days=5&accountsPerPlan=1`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(prices),
    });
    const lives = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { real: object; simulated: object });
    expect(lives.length).toBeGreaterThan(5);
    for (const { real, simulated } of lives) expect(simulated).toEqual(real);
  });

  it('lets a plan rest from the end of its month, and takes that back', async () => {
    expect((await shop.call('POST', `${api}/account/plan/pause`, {})).body).toMatchObject({
      plan: 'team-growth',
      nextPlan: { plan: 'free', isPause: true, isCancellation: false },
    });
    expect((await asOwner('POST', '/account/plan/resume')).body).not.toHaveProperty('nextPlan');
  });

  it('leaves ledger, wallets and jobs in agreement', async () => {
    expect(await owner.audit()).toMatchObject({
      findings: [],
      summary: { accounts: 2, creditWallets: 1, grantedCredits: 1_000, findings: 0 },
    });
    const answer = await fetch(`${server.url}${api}/reconciliation`, { headers: { authorization: `Bearer ${owner.key}` } });
    expect(JSON.parse(await answer.text())).toMatchObject({ summary: { accounts: 2, settlements: 3, findings: 0 } });
  });
});
