import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { probeCompute, probeKind } from './probe.js';
import { ProbeNode } from './probe-node.js';

describe('a second kind of job', () => {
  let node: ProbeNode;
  beforeAll(async () => {
    node = await ProbeNode.start();
  }, 120_000);
  afterAll(() => node.stop());

  const priceOf = async (units: number) => (await node.billing.quote({ compute: probeCompute(units) })).quote!.totalTokens;

  it('runs beside images, delivers what it makes, and is charged for it', async () => {
    const accountId = await node.openAccount('maestro');
    const [probeId, imageId] = [await node.submit(accountId, { units: 3, sleepMs: 1 }), await node.submitImage(accountId)];
    const [probe, image] = [await node.ended(accountId, probeId), await node.ended(accountId, imageId)];
    expect([probe, image]).toMatchObject([
      { kind: probeKind, state: JobState.SUCCEEDED, unitsDelivered: 3, modelVersion: '1' },
      { kind: 'image', state: JobState.SUCCEEDED, unitsDelivered: 1 },
    ]);
    expect(await node.text(accountId, probe)).toEqual([1, 2, 3].map((unit) => ({ unit, attempt: 1 })));
    expect((await node.billing.getBill({ accountId, jobId: probeId, waitMs: 20_000 })).bill!.chargedTokens).toBe(await priceOf(3));
    expect(probe.lane).toBe(image.lane);
  });

  it('goes on from its last checkpoint when its process is killed in the middle', async () => {
    const accountId = await node.openAccount('artisan');
    const jobId = await node.submit(accountId, { units: 20, sleepMs: 100 });
    await node.checkpointed(accountId, jobId, 3);
    await node.killAndRestart();
    const job = await node.ended(accountId, jobId);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, unitsDelivered: 20, attempt: 2 });
    const units = await node.text(accountId, job);
    expect(units.map(({ unit }) => unit)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    // What the first attempt had kept is in it, and was not made again.
    expect(units.map(({ attempt }) => attempt)).toEqual(
      units.map(({ unit }) => (unit <= units.filter(({ attempt }) => attempt === 1).length ? 1 : 2)),
    );
    expect(units[0]).toEqual({ unit: 1, attempt: 1 });
    expect(units.at(-1)).toEqual({ unit: 20, attempt: 2 });
  });

  it('is charged for the units up to its last checkpoint when it is cancelled', async () => {
    const accountId = await node.openAccount('apprentice');
    const jobId = await node.submit(accountId, { units: 60, sleepMs: 100 });
    await node.checkpointed(accountId, jobId, 2);
    await node.jobs.cancel({ accountId, jobId });
    const { state, unitsDelivered } = await node.ended(accountId, jobId);
    expect(state).toBe(JobState.CANCELLED);
    expect(unitsDelivered).toBeGreaterThan(0);
    expect(unitsDelivered).toBeLessThan(60);
    const { bill } = await node.billing.getBill({ accountId, jobId, waitMs: 20_000 });
    expect(bill!.chargedTokens).toBe(await priceOf(unitsDelivered));
  });

  it('shares the limit of running jobs with images', async () => {
    const accountId = await node.openAccount('free');
    const probeId = await node.submit(accountId, { units: 8, sleepMs: 60_000 });
    await node.running(accountId, probeId);
    const imageId = await node.submitImage(accountId);
    expect(await node.jobs.describeQueue({ accountId })).toMatchObject({ accountQueuedJobs: 1, accountRunningJobs: 1 });
    expect((await node.jobs.get({ accountId, jobId: imageId })).job!.state).toBe(JobState.QUEUED);
    await node.jobs.cancel({ accountId, jobId: probeId });
    expect((await node.ended(accountId, imageId)).state).toBe(JobState.SUCCEEDED);
  });
});
