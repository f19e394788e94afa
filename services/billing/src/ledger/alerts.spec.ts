import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LowBalanceReachedSchema, SpendCapReachedSchema } from '@tessera/contracts/tessera/billing/v1/events_pb.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

describe('alerts', () => {
  let billing: TestBilling;
  let alerts: string[];

  beforeEach(async () => {
    billing = await openBilling();
    alerts = [];
    billing.bus.subscribe(
      LowBalanceReachedSchema,
      'test',
      async (payload) => void alerts.push(`low ${payload.balanceTokens} < ${payload.lowBalanceTokens} at ${payload.entry}`),
    );
    billing.bus.subscribe(
      SpendCapReachedSchema,
      'test',
      async (payload) =>
        void alerts.push(
          `${payload.memberId || 'account'} ${payload.percent} %: ${payload.usedTokens} of ${payload.capTokens} at ${payload.entry}`,
        ),
    );
    await billing.bus.start();
    await billing.accounts.open('acme', 'free');
  });

  afterEach(() => billing.close());

  const reserve = (jobId: string, attribution = {}) =>
    billing.reservations.reserve('acme', jobId, twoPictures, billing.clock.now() + hourMs, attribution);
  const release = (jobId: string) => billing.reservations.release('acme', jobId, 'failed');
  const heard = async () => {
    await billing.bus.drain();
    return alerts.splice(0);
  };

  it('are told once when the balance falls below what the owner named, and again after it had risen', async () => {
    await billing.accounts.configure('acme', 'a', { kind: 'limits', lowBalanceTokens: 140 });
    await reserve('one');
    expect(await heard()).toEqual([]);
    await reserve('two');
    await reserve('three');
    expect(await heard()).toEqual(['low 134 < 140 at 4']);
    await release('two');
    await release('one');
    await reserve('four');
    await reserve('five');
    expect(await heard()).toEqual(['low 134 < 140 at 8']);
  });

  it('are not told of the moment between the tokens of one day and those of the next', async () => {
    await billing.accounts.configure('acme', 'a', { kind: 'limits', lowBalanceTokens: 100 });
    billing.clock.advance(25 * hourMs);
    await billing.dueWork.sweep();
    expect(await heard()).toEqual([]);
  });

  it('are told when a cancelled plan has ended and its tokens with it', async () => {
    await billing.accounts.changePlan('acme', 'up', 'artisan');
    await billing.accounts.configure('acme', 'a', { kind: 'limits', lowBalanceTokens: 1_000 });
    await billing.accounts.cancel('acme', 'end');
    billing.clock.advance(32 * 24 * hourMs);
    await billing.dueWork.sweep();
    expect(await heard()).toEqual([expect.stringMatching(/^low 150 < 1000/)]);
  });

  it('are told at four fifths of a cap and at its end, of the account and of each member', async () => {
    await billing.accounts.configure('acme', 'a', { kind: 'limits', spendCapTokens: 16 });
    await billing.accounts.configure('acme', 'b', { kind: 'member', memberId: 'ann', capTokens: 10 });
    await reserve('one', { memberId: 'ann' });
    expect(await heard()).toEqual(['ann 80 %: 8 of 10 at 4']);
    await reserve('two');
    expect(await heard()).toEqual(['account 80 %: 16 of 16 at 5', 'account 100 %: 16 of 16 at 5']);
    await release('two');
    expect(await heard()).toEqual([]);
  });

  it('are not told of a refusal', async () => {
    await billing.accounts.configure('acme', 'a', { kind: 'limits', spendCapTokens: 7, lowBalanceTokens: 149 });
    await expect(reserve('one')).rejects.toMatchObject({ reason: 'spend_cap_reached' });
    expect(await heard()).toEqual([]);
  });
});
