import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { PriceList } from './catalogue.js';
import type { Catalogue } from './catalogue-schema.js';
import type { SimulatedAccount } from './simulation.js';

const dayMs = 24 * hourMs;

describe('a simulation', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling(undefined, new ManualClock(Date.UTC(2026, 0, 1)));
    await billing.accounts.open('acme', 'artisan');
    await billing.accounts.open('zoe', 'free');
  });

  afterEach(() => billing.close());

  const run = async (accountId: string, jobId: string, delivered: number, change = {}) => {
    await billing.reservations.reserve(accountId, jobId, { ...twoPictures, ...change }, billing.clock.now() + hourMs);
    await billing.reservations.settle(accountId, jobId, delivered);
  };

  /** Two months: a renewal, an upgrade half-way, jobs of all kinds, a pack, a reversal. */
  const live = async () => {
    await run('acme', 'one', 2);
    await run('acme', 'two', 1);
    await run('zoe', 'one', 2);
    billing.clock.advance(10 * dayMs);
    await billing.accounts.topUp('acme', 'order', 100);
    await billing.reservations.reserve('acme', 'lost', twoPictures, billing.clock.now() + hourMs);
    await billing.reservations.release('acme', 'lost', 'failed');
    billing.clock.advance(35 * dayMs);
    await billing.dueWork.sweep();
    await billing.accounts.changePlan('acme', 'up', 'maestro');
    await billing.accounts.reverse('acme', 'close:two');
  };

  const catalogue = (change: (catalogue: Catalogue) => Partial<Catalogue>): unknown => {
    const present = PriceList.bundled().newest;
    return [{ ...present, ...change(present) }];
  };
  const simulated = async (priceList: unknown, accountId = '') => {
    const accounts: SimulatedAccount[] = [];
    for await (const account of billing.simulation.run(priceList, accountId, { toMs: 0 }, new AbortController().signal))
      accounts.push(account);
    return accounts;
  };

  it('agrees with reality when nothing was changed', async () => {
    await live();
    for (const { real, simulated: again } of await simulated(PriceList.bundled().all)) expect(again).toEqual(real);
  });

  it('tells what the accounts really cost', async () => {
    await live();
    const [acme, zoe] = await simulated(PriceList.bundled().all);
    expect(acme?.real).toEqual({
      jobsCharged: 2,
      jobsRelaxed: 0,
      jobsRefused: 0,
      spentTokens: 8,
      expiredTokens: 0,
      balanceTokens: 67_592,
      planCents: 3_000 + 3_000 + 1_500,
    });
    expect(zoe?.real).toMatchObject({ jobsCharged: 1, spentTokens: 8, planCents: 0 });
  });

  it('charges what the new prices charge, for what was delivered', async () => {
    await live();
    const twice = catalogue(({ compute, superResolution }) => ({
      compute: { defaultMilliTokens: compute.defaultMilliTokens * 2, milliTokensByModel: {} },
      superResolution: { milliTokensPerMegapixel: superResolution.milliTokensPerMegapixel * 2 },
    }));
    const [acme] = await simulated(twice, 'acme');
    expect(acme?.simulated).toMatchObject({ jobsCharged: 2, spentTokens: 16, planCents: 7_500 });
  });

  it('says which jobs nobody could have paid', async () => {
    await live();
    const dear = catalogue(() => ({ compute: { defaultMilliTokens: 100_000, milliTokensByModel: {} } }));
    const [, zoe] = await simulated(dear);
    expect(zoe).toMatchObject({
      accountId: 'zoe',
      real: { jobsRefused: 0 },
      simulated: { jobsCharged: 0, jobsRefused: 1, spentTokens: 0 },
    });
  });

  it('counts jobs that would have gone to the relaxed lane', async () => {
    await live();
    const dear = catalogue(
      ({ plans }) =>
        ({
          compute: { defaultMilliTokens: 1_000_000, milliTokensByModel: {} },
          plans: { ...plans, artisan: { ...plans['artisan'], grant: { bucket: 'fast', tokens: 100 }, bankTokens: 100 } },
        }) as Partial<Catalogue>,
    );
    const [acme] = await simulated(dear, 'acme');
    expect(acme?.simulated).toMatchObject({ jobsCharged: 0, jobsRelaxed: 2, spentTokens: 0 });
  });

  it('takes the prices of plans from the new catalogue', async () => {
    await live();
    const cheap = catalogue(
      ({ plans }) => ({ plans: { ...plans, artisan: { ...plans['artisan'], priceCents: 1_000 } } }) as Partial<Catalogue>,
    );
    expect((await simulated(cheap, 'acme'))[0]?.simulated.planCents).toBe(1_000 + 1_000 + 2_500);
  });

  it('changes nothing', async () => {
    await live();
    const before = await billing.accounts.get('acme');
    await simulated(PriceList.bundled().all);
    expect(await billing.accounts.get('acme')).toEqual(before);
  });

  it.each([['rubbish'], [[]], [[{}]]])('is refused for the price list %j', async (priceList) => {
    await expect(simulated(priceList)).rejects.toMatchObject({ reason: 'broken_catalogue' });
  });
});
