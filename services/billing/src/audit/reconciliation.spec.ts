import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobDeletedSchema as ImageJobDeletedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobDeletedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

describe('reconciliation', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'owner');
  });

  afterEach(() => billing.close());

  const hold = (jobId: string) => billing.reservations.reserve('acme', jobId, twoPictures, billing.clock.now() + hourMs);
  const settled = async (jobId: string, images = 2) => {
    await hold(jobId);
    await billing.reservations.settle('acme', jobId, images);
  };
  const run = async (accountId = '') => {
    const findings: string[] = [];
    let summary = {};
    for await (const result of billing.reconciliation.run(accountId, new AbortController().signal)) {
      if ('finding' in result) findings.push(`${result.finding.jobId}: ${result.finding.mismatch}`);
      else summary = result.summary;
    }
    return { findings: findings.sort(), summary };
  };

  it('finds nothing when every job was charged for what it delivered', async () => {
    for (const jobId of ['one', 'two', 'three']) {
      await settled(jobId);
      billing.generation.add(jobId, 2, billing.clock.now());
    }
    await hold('failed');
    await billing.reservations.release('acme', 'failed', 'failed');
    billing.generation.add('failed', 0, billing.clock.now(), { state: JobState.FAILED });
    await hold('running');
    billing.generation.add('running', 0, 0);
    billing.clock.advance(hourMs / 2);
    expect(await run()).toEqual({ findings: [], summary: { accounts: 1, jobs: 5, settlements: 3, findings: 0 } });
  });

  it('names every way in which ledger and jobs can disagree', async () => {
    await settled('ghost');
    await settled('broken');
    billing.generation.add('broken', 0, billing.clock.now(), { state: JobState.FAILED });
    await settled('short', 2);
    billing.generation.add('short', 1, billing.clock.now());
    await hold('returned');
    await billing.reservations.release('acme', 'returned', 'hold_deadline');
    billing.generation.add('returned', 2, billing.clock.now());
    await hold('forgotten');
    billing.generation.add('forgotten', 2, billing.clock.now());
    billing.generation.add('never-held', 2, billing.clock.now());
    await hold('orphan');
    billing.clock.advance(hourMs / 2);
    expect((await run('acme')).findings).toEqual([
      'broken: settled_job_failed',
      'forgotten: finished_job_unsettled',
      'ghost: settlement_without_job',
      'never-held: finished_job_unsettled',
      'orphan: hold_without_job',
      'returned: delivered_job_returned',
      'short: images_differ',
    ]);
  });

  it('waits for what may still be on its way', async () => {
    await hold('fresh');
    await hold('ended');
    billing.generation.add('ended', 2, billing.clock.now());
    expect((await run()).findings).toEqual([]);
  });

  it("takes another account's job for none", async () => {
    await settled('stolen');
    billing.generation.add('stolen', 2, billing.clock.now(), { accountId: 'beta' });
    expect((await run()).findings).toEqual(['stolen: settlement_without_job']);
  });

  it.each([JobDeletedSchema, ImageJobDeletedSchema])(
    'does not miss a job that its owner has deleted, however often that is told ($typeName)',
    async (schema) => {
      await settled('deleted');
      billing.deletedJobs.onModuleInit();
      await billing.bus.start();
      const event = () => outgoingEvent(schema, 'deleted', create(schema, { jobId: 'deleted', accountId: 'acme', deletedMs: 1n }));
      await billing.installation.documents.commit([], [event(), event()]);
      await billing.bus.drain();
      expect((await run()).findings).toEqual([]);
    },
  );

  it('is refused for an account that does not exist', async () => {
    await expect(run('nobody')).rejects.toMatchObject({ reason: 'unknown_account' });
  });
});
