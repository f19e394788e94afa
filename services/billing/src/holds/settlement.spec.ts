import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  JobFinishedSchema as ImageJobFinishedSchema,
  JobState as ImageJobState,
} from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import type { ComputeSpec } from '../catalogue/quote.js';
import type { FinalState } from '@tessera/events/job-states.js';
import type { FinishedJob } from './settlement.js';

const clip: ComputeSpec = { kind: 'motion', modelId: 'mosaic-3d', widthPx: 1_024, heightPx: 576, images: 1, frames: 48, surcharges: [] };
const training: ComputeSpec = {
  kind: 'training',
  modelId: 'mosaic-3d',
  widthPx: 512,
  heightPx: 512,
  images: 20,
  epochs: 10,
  steps: 100,
  surcharges: [],
};
const probe: ComputeSpec = { kind: 'generic', workKind: 'probe', modelId: 'probe-1', units: 10, milliTokensPerUnit: 1_500 };
const unfinished = ['failed', 'cancelled', 'expired', 'rejected'] as const;

describe('a finished job', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'owner');
  });

  afterEach(() => billing.close());

  const hold = (compute: ComputeSpec = twoPictures) => billing.reservations.reserve('acme', 'job', compute, billing.clock.now() + hourMs);
  const close = (change: Partial<FinishedJob> = {}) =>
    billing.settlement.close({
      jobId: 'job',
      accountId: 'acme',
      state: 'succeeded',
      unitsDelivered: 2,
      finishedMs: billing.clock.now(),
      ...change,
    });
  const totals = async () => (await billing.store.summary('acme')).totals;
  const spent = (tokens: number) => ({ granted: 1_000_000, balance: 1_000_000 - tokens, held: 0, spent: tokens, expired: 0 });

  it.each<[string, ComputeSpec, FinalState, number, number]>([
    ['is charged for the pictures that it delivered', twoPictures, 'succeeded', 1, 4],
    ['is charged in full when it delivered every picture', twoPictures, 'succeeded', 2, 8],
    ['is not charged when it delivered nothing', twoPictures, 'succeeded', 0, 0],
    ['is charged for a whole clip', clip, 'succeeded', 48, 46],
    ['is charged for the frames of half a clip', clip, 'succeeded', 24, 23],
    ['is charged for a whole training', training, 'succeeded', 100, 53],
    ['is charged for the units of a kind without a price', probe, 'succeeded', 10, 15],
    ['is charged for some of the units, rounded up', probe, 'succeeded', 3, 5],
    ...unfinished.flatMap((state): [string, ComputeSpec, FinalState, number, number][] => [
      [`is not charged for pictures when it ${state}`, twoPictures, state, 1, 0],
      [`is charged for the frames that are of use when it ${state}`, clip, state, 12, 12],
      [`is charged for the steps that a kept checkpoint took when it ${state}`, training, state, 25, 14],
      [`is charged for the units that are of use when it ${state}`, probe, state, 4, 6],
      [`is not charged when it ${state} and left nothing`, training, state, 0, 0],
    ]),
  ])('%s', async (_, compute, state, unitsDelivered, tokens) => {
    await hold(compute);
    await close({ state, unitsDelivered });
    expect(await totals()).toEqual(spent(tokens));
  });

  it.each(unfinished)('is returned with the reason %s', async (state) => {
    await hold();
    await close({ state, unitsDelivered: 0 });
    expect((await billing.store.jobEntries('acme', 'job')).closing).toMatchObject({ kind: 'release', reason: state });
  });

  it('is charged once, however often its event arrives', async () => {
    await hold();
    await Promise.all([1, 2, 3].map(() => close()));
    await close();
    expect((await totals()).spent).toBe(8);
  });

  it('is charged once for what it left, however often its event arrives', async () => {
    await hold(probe);
    await Promise.all([1, 2, 3].map(() => close({ state: 'cancelled', unitsDelivered: 4 })));
    await close({ state: 'cancelled', unitsDelivered: 4 });
    expect((await totals()).spent).toBe(6);
  });

  it('is not charged when its hold had been returned before', async () => {
    await hold();
    await billing.reservations.release('acme', 'job', 'cancelled');
    await close();
    expect((await totals()).spent).toBe(0);
  });

  it('is not charged when it ended after the deadline of its hold', async () => {
    await hold();
    await close({ finishedMs: billing.clock.now() + hourMs + 1 });
    expect((await totals()).spent).toBe(0);
  });

  it('is never charged for more units than were ordered', async () => {
    await hold(probe);
    await expect(close({ unitsDelivered: 11 })).rejects.toEqual(
      expect.objectContaining({ reason: 'settle_exceeds_hold', message: expect.stringContaining('11 units delivered, 10 ordered') }),
    );
    expect((await totals()).held).toBe(15);
  });

  it('is reported as an error when billing has never heard of its hold', async () => {
    await expect(close({ jobId: 'unheard-of' })).rejects.toEqual(expect.objectContaining({ reason: 'unknown_hold' }));
  });

  describe('of which the event log says', () => {
    const publish = async (change: MessageInitShape<typeof JobFinishedSchema> = {}) => {
      const event = create(JobFinishedSchema, {
        jobId: 'job',
        accountId: 'acme',
        kind: 'image',
        state: JobState.SUCCEEDED,
        unitsDelivered: 2,
        finishedMs: BigInt(billing.clock.now()),
        hasHold: true,
        ...change,
      });
      await billing.installation.documents.commit([], [outgoingEvent(JobFinishedSchema, event.accountId, event)]);
    };
    const publishedBefore = async (change: MessageInitShape<typeof ImageJobFinishedSchema> = {}) => {
      const event = create(ImageJobFinishedSchema, {
        jobId: 'job',
        accountId: 'acme',
        state: ImageJobState.SUCCEEDED,
        imagesDelivered: 2,
        finishedMs: BigInt(billing.clock.now()),
        hasHold: true,
        ...change,
      });
      await billing.installation.documents.commit([], [outgoingEvent(ImageJobFinishedSchema, event.accountId, event)]);
    };
    const closed = async () => (await billing.statements.bill('acme', 'job', 30_000)).bill;

    beforeEach(async () => {
      billing.settlement.onModuleInit();
      await billing.bus.start();
    });

    it.each([
      ['this release', () => publish()],
      ['the release before', () => publishedBefore()],
    ])('in the words of %s that it delivered, is charged', async (_, publishIt) => {
      await hold();
      await publishIt();
      const { bill, balanceTokens } = await billing.statements.bill('acme', 'job', 30_000);
      expect({ state: bill.state, chargedTokens: bill.chargedTokens, balanceTokens }).toEqual({
        state: 'settled',
        chargedTokens: 8,
        balanceTokens: 999_992,
      });
    });

    it('that it was cancelled with units that are of use, is charged for them', async () => {
      await hold(probe);
      await publish({ kind: 'probe', state: JobState.CANCELLED, unitsDelivered: 4 });
      expect(await closed()).toMatchObject({ state: 'settled', chargedTokens: 6, returnedTokens: 9 });
    });

    it.each([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED])(
      'that it is in state %s, is returned',
      async (state) => {
        await hold();
        await publish({ state });
        expect(await closed()).toMatchObject({ state: 'released', chargedTokens: 0 });
      },
    );

    it.each([ImageJobState.FAILED, ImageJobState.CANCELLED, ImageJobState.EXPIRED, ImageJobState.REJECTED])(
      'in the words of the release before that it is in state %s, is returned',
      async (state) => {
        await hold();
        await publishedBefore({ state });
        expect(await closed()).toMatchObject({ state: 'released', chargedTokens: 0 });
      },
    );

    it('that it had no hold, is left alone', async () => {
      await hold();
      await publish({ hasHold: false });
      await billing.reservations.reserve('acme', 'next', twoPictures, billing.clock.now() + hourMs);
      await publish({ jobId: 'next' });
      await billing.statements.bill('acme', 'next', 30_000);
      expect(await totals()).toMatchObject({ held: 8, spent: 8 });
    });
  });
});
