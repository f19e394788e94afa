import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';

const api = '/api/rest/v1';

/** A team's money, from the first seat to the export, through the services that really run. */
describe.each(Object.entries(profiles))('Billing, %s', (_name, start) => {
  let server: Running;
  let owner: Client;
  let team: Client;
  let ann: Client;

  beforeAll(async () => {
    server = await start({ dataDir: await newDataDir() });
    owner = new Client(server);
    const opened = await owner.call('POST', `${api}/accounts`, { plan: 'team-starter', seats: 4 });
    const keyOf = async (body: object) =>
      (await owner.call('POST', `${api}/keys`, body, { 'tessera-account': String(opened.body['accountId']) })).body['key'] as string;
    team = new Client(server, await keyOf({ name: 'team' }));
    await team.call('PUT', `${api}/account/members/ann`, { capTokens: 10 });
    ann = new Client(server, await keyOf({ name: 'ann', memberId: 'ann', project: 'ads' }));
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const apple = { prompt: 'a red apple', width: 512, height: 512, num_inference_steps: 20 };
  const generate = async (client: Client, images = 1) => client.bill(await client.create({ ...apple, num_images: images }));

  it('charges a member up to the cap, and tells who spent what', async () => {
    const bill = await generate(ann, 2);
    const refused = await ann.call('POST', `${api}/generations`, { ...apple, num_images: 2 });
    expect(refused).toMatchObject({ status: 402, body: { type: 'member_cap_reached' } });
    const { body } = await team.call('GET', `${api}/account/usage?by=member`);
    expect(body).toMatchObject({ rows: [{ key: 'ann', jobs: 1, imagesDelivered: 2, tokens: bill['chargedTokens'] }] });
  });

  it('writes a statement and an export that end with the balance of the account', async () => {
    await generate(team);
    const { body: statement } = await team.call('GET', `${api}/account/statement`);
    const { balanceTokens } = await team.account();
    const lines = statement['lines'] as { tokens: number }[];
    expect(lines.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(balanceTokens);
    expect(statement['closing']).toMatchObject({ balanceTokens });
    const csv = await (
      await fetch(new URL(`${api}/account/entries.csv`, server.url), { headers: { authorization: `Bearer ${team.key}` } })
    ).text();
    expect(csv.trimEnd().split('\r\n').at(-1)?.split(',').at(-2)).toBe(String(balanceTokens));
  });

  it('gives a charge back as a new entry, once', async () => {
    const bill = await generate(team);
    const before = await team.account();
    const reverse = () =>
      owner.call(
        'POST',
        `${api}/account/reversals`,
        { operationId: `close:${String(bill['jobId'])}` },
        { 'tessera-account': before['accountId'] as string },
      );
    await reverse();
    expect((await reverse()).body['balanceTokens']).toBe((before['balanceTokens'] as number) + (bill['chargedTokens'] as number));
  });

  it('upgrades at once and lets a cancelled plan run to its end', async () => {
    const { accountId } = await team.account();
    const { body: upgraded } = await owner.call(
      'POST',
      `${api}/account/plan`,
      { plan: 'team-growth', seats: 4 },
      { 'tessera-account': String(accountId) },
    );
    expect(upgraded).toMatchObject({ plan: 'team-growth', cycle: { allowanceTokens: 240_000 } });
    const { body: cancelled } = await team.call('DELETE', `${api}/account/plan`);
    expect(cancelled).toMatchObject({ plan: 'team-growth', nextPlan: { plan: 'free', isCancellation: true } });
  });

  it('leaves no job uncharged and no charge without a job', async () => {
    const answer = await fetch(`${server.url}${api}/reconciliation`, { headers: { authorization: `Bearer ${owner.key}` } });
    expect(
      (await answer.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual([{ summary: { accounts: 2, jobs: expect.any(Number), settlements: 3, findings: 0 } }]);
  });

  it('leaves books that the audit finds nothing wrong with', async () => {
    expect(await owner.audit()).toMatchObject({ findings: [], summary: { findings: 0 } });
  });
});
