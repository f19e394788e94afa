import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

describe('a finished job', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'owner');
    await billing.reservations.reserve('acme', 'job', twoPictures, billing.clock.now() + hourMs);
  });

  afterEach(() => billing.close());

  const finished = (change: MessageInitShape<typeof JobFinishedSchema>) =>
    create(JobFinishedSchema, { jobId: 'job', accountId: 'acme', state: JobState.SUCCEEDED, unitsDelivered: 2, finishedMs: BigInt(billing.clock.now()), hasHold: true, ...change });
  const totals = async () => (await billing.store.summary('acme')).totals;

  it.each<[string, MessageInitShape<typeof JobFinishedSchema>, number, number]>([
    ['is charged for what it delivered', { unitsDelivered: 1 }, 4, 0],
    ['is charged in full when it delivered everything', {}, 8, 0],
    ['is not charged when it delivered nothing', { unitsDelivered: 0 }, 0, 0],
    ['is not charged when it failed', { state: JobState.FAILED }, 0, 0],
    ['is not charged when it was cancelled', { state: JobState.CANCELLED }, 0, 0],
    ['is not charged when it expired', { state: JobState.EXPIRED }, 0, 0],
    ['is left alone when it has no hold', { hasHold: false }, 0, 8],
  ])('%s', async (_, change, spent, held) => {
    await billing.settlement.jobFinished(finished(change));
    expect(await totals()).toEqual({ granted: 1_000_000, balance: 1_000_000 - spent - held, held, spent, expired: 0 });
  });

  it('is charged once, however often its event arrives', async () => {
    await Promise.all([1, 2, 3].map(() => billing.settlement.jobFinished(finished({}))));
    await billing.settlement.jobFinished(finished({}));
    expect((await totals()).spent).toBe(8);
  });

  it('is not charged when its hold had been returned before', async () => {
    await billing.reservations.release('acme', 'job', 'cancelled');
    await billing.settlement.jobFinished(finished({}));
    expect((await totals()).spent).toBe(0);
  });

  it('is not charged when it ended after the deadline of its hold', async () => {
    await billing.settlement.jobFinished(finished({ finishedMs: BigInt(billing.clock.now() + hourMs + 1) }));
    expect((await totals()).spent).toBe(0);
  });

  it('is reported as an error when billing has never heard of its hold', async () => {
    await expect(billing.settlement.jobFinished(finished({ jobId: 'unheard-of' }))).rejects.toEqual(expect.objectContaining({ reason: 'unknown_hold' }));
  });

  it('is charged through the event log', async () => {
    billing.settlement.onModuleInit();
    await billing.bus.start();
    await billing.installation.documents.commit([], [outgoingEvent(JobFinishedSchema, 'acme', finished({}))]);
    const { bill, balanceTokens } = await billing.statements.bill('acme', 'job', 30_000);
    expect({ state: bill.state, chargedTokens: bill.chargedTokens, balanceTokens }).toEqual({ state: 'settled', chargedTokens: 8, balanceTokens: 999_992 });
  });
});
