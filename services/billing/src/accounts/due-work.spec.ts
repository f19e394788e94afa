import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

describe('holds past their deadline', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'owner');
    await billing.accounts.open('beta', 'free');
  });

  afterEach(() => billing.close());

  const reserve = (accountId: string, jobId: string, aheadMs: number) =>
    billing.reservations.reserve(accountId, jobId, twoPictures, billing.clock.now() + aheadMs);
  const held = async (accountId: string) => (await billing.store.summary(accountId)).totals.held;

  it('returns holds past their deadline, of all accounts, and no other', async () => {
    await reserve('acme', 'short', 1_000);
    await reserve('beta', 'short', 1_000);
    await reserve('acme', 'long', hourMs);
    billing.clock.advance(1_001);
    expect((await billing.dueWork.sweep()).holds).toBe(2);
    expect([await held('acme'), await held('beta')]).toEqual([8, 0]);
  });

  it('leaves a hold alone up to its deadline', async () => {
    await reserve('acme', 'job', 1_000);
    billing.clock.advance(1_000);
    expect((await billing.dueWork.sweep()).holds).toBe(0);
  });

  it('returns a hold once', async () => {
    await reserve('acme', 'job', 1_000);
    billing.clock.advance(1_001);
    await Promise.all([billing.dueWork.sweep(), billing.dueWork.sweep()]);
    expect((await billing.store.summary('acme')).lastEntry).toBe(3);
  });

  it('returns more holds than fit into one sweep', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, n) => reserve('acme', `job-${n}`, 1_000)));
    billing.clock.advance(1_001);
    expect((await billing.dueWork.sweep()).holds).toBe(600);
    expect(await held('acme')).toBe(0);
  });

  it('wakes by itself at the deadline of a hold that was taken while it slept', async () => {
    await billing.bus.start();
    await billing.dueWork.onModuleInit();
    await reserve('acme', 'job', 30);
    const closed = billing.statements.bill('acme', 'job', 30_000);
    billing.clock.advance(31);
    expect((await closed).bill.state).toBe('released');
  });

  it('catches up after a stop', async () => {
    await reserve('acme', 'job', 1_000);
    billing.clock.advance(hourMs);
    billing = await billing.reopened();
    const closed = billing.statements.bill('acme', 'job', 30_000);
    await billing.bus.start();
    await billing.dueWork.onModuleInit();
    expect((await closed).bill.state).toBe('released');
  });

  it('charges a job that ended in time although billing was down until after the deadline', async () => {
    await reserve('acme', 'job', 1_000);
    const finished = create(JobFinishedSchema, {
      jobId: 'job',
      accountId: 'acme',
      state: JobState.SUCCEEDED,
      unitsDelivered: 2,
      finishedMs: BigInt(billing.clock.now() + 500),
      hasHold: true,
    });
    await billing.installation.documents.commit([], [outgoingEvent(JobFinishedSchema, 'acme', finished)]);
    billing.clock.advance(hourMs);
    billing = await billing.reopened();
    const closed = billing.statements.bill('acme', 'job', 30_000);
    billing.settlement.onModuleInit();
    await billing.dueWork.onModuleInit();
    await billing.bus.start();
    expect((await closed).bill.state).toBe('settled');
  });
});
