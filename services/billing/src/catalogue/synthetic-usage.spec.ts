import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBilling, type TestBilling } from '../billing.fixture.js';
import { PriceList } from './catalogue.js';
import type { Catalogue } from './catalogue-schema.js';
import type { SimulatedAccount } from './simulation.js';

describe('a simulation of lives that are made up', () => {
  let billing: TestBilling;
  beforeAll(async () => {
    billing = await openBilling();
  });
  afterAll(() => billing.close());

  const usage = { seed: 7, accountsPerPlan: 2, jobsPerDay: 4, days: 40 };
  const present = PriceList.bundled().newest;
  const lives = async (change: Partial<Catalogue> = {}, asked: Partial<typeof usage> = {}) => {
    const accounts: SimulatedAccount[] = [];
    for await (const account of billing.simulation.runSynthetic(
      [{ ...present, ...change }],
      { ...usage, ...asked },
      new AbortController().signal,
    ))
      accounts.push(account);
    return accounts;
  };

  it('lives each plan as often as was asked, the same for the same seed', async () => {
    const accounts = await lives();
    expect(accounts).toHaveLength(2 * Object.keys(present.plans).length);
    expect(await lives()).toEqual(accounts);
    expect(await lives({}, { seed: 8 })).not.toEqual(accounts);
  });

  it('agrees with itself when nothing was changed', async () => {
    for (const { real, simulated } of await lives()) expect(simulated).toEqual(real);
  });

  it('is not all alike: quiet and busy accounts, jobs that are refused, months that renew', async () => {
    const accounts = await lives({}, { accountsPerPlan: 4 });
    expect(new Set(accounts.map(({ real }) => real.jobsCharged)).size).toBeGreaterThan(accounts.length / 2);
    expect(accounts.some(({ plan, real }) => plan === 'free' && real.expiredTokens > 0)).toBe(true);
    expect(accounts.filter(({ plan }) => plan === 'artisan').every(({ real }) => real.planCents === 6_000)).toBe(true);
  });

  it('charges in credits where nothing else pays', async () => {
    const [api] = (await lives()).filter(({ plan }) => plan === 'api');
    expect(api?.real).toMatchObject({ jobsRefused: 0, planCents: 0 });
    expect(api?.real.spentTokens).toBeGreaterThan(0);
  });

  it('says who pays more when a price goes up', async () => {
    const dear = { compute: { defaultMilliTokens: present.compute.defaultMilliTokens * 4, milliTokensByModel: {} } };
    const accounts = await lives(dear);
    const owner = accounts.find(({ plan }) => plan === 'owner');
    expect(owner?.simulated.spentTokens).toBeGreaterThan((owner?.real.spentTokens ?? 0) * 2);
    expect(accounts.some(({ plan, real, simulated }) => plan === 'free' && simulated.jobsRefused > real.jobsRefused)).toBe(true);
  });

  it.each([
    [{ accountsPerPlan: 0 }],
    [{ accountsPerPlan: 101 }],
    [{ jobsPerDay: 0 }],
    [{ days: 367 }],
    [{ accountsPerPlan: 100, jobsPerDay: 1_000, days: 366 }],
    [{ days: 0.5 }],
  ])('refuses %j', async (asked) => {
    await expect(lives({}, asked)).rejects.toMatchObject({ reason: 'invalid_field' });
  });
});
