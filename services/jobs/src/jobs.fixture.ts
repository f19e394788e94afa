import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { BillingService, BillState, type ReserveRequest } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { JobFinishedSchema, type JobFinished } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobService, type SubmitRequest, type SubmitRequestSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { StandIns } from '@tessera/host/testing/stand-ins.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { jobs } from './jobs.module.js';

export const accountId = 'account';

/** A submission of a kind that nobody ships: ten units, one file. */
type Submission = Exclude<MessageInitShape<typeof SubmitRequestSchema>, SubmitRequest>;
export const submission = (change: Submission = {}): Submission => ({
  accountId,
  kind: 'probe',
  work: { pool: 'default', modelId: 'sleeper', units: 10, size: 10 },
  compute: { spec: { case: 'generic', value: { kind: 'probe', modelId: 'sleeper', units: 10, milliTokensPerUnit: 1_000 } } },
  payload: anyPack(StringValueSchema, create(StringValueSchema, { value: 'sleep' })),
  requestDigest: 'digest',
  outputs: 1,
  ...change,
});

/** The service in its host, with a clock that tests move, in front of a billing that holds whatever it is asked for. */
export async function openJobs() {
  const clock = new ManualClock();
  const reserved: ReserveRequest[] = [];
  const billing = {
    getAccount: async () => ({ account: { limits: {} } }),
    reserve: async (request: ReserveRequest) => {
      reserved.push(request);
      return {
        bill: { jobId: request.jobId, state: BillState.HELD, lane: 'fast', quote: { totalTokens: 10n } },
        balanceTokens: 90n,
        limits: {},
      };
    },
  };
  const hosted = await startTestHost([jobs], { replace: { clock, standIns: new StandIns([BillingService, billing]) } });
  const worker = hosted.client(WorkerService);
  return {
    clock,
    reserved,
    worker,
    jobs: hosted.client(JobService),
    async submit(change: Submission = {}): Promise<string> {
      const { job } = await this.jobs.submit(submission(change));
      return job!.jobId;
    },
    async claim(maxJobs = 1) {
      return (
        await worker.claim({
          workerId: 'worker',
          pool: 'default',
          kinds: ['probe'],
          modelIds: ['sleeper'],
          maxJobs,
          maxUnits: 100,
          waitMs: 10_000,
        })
      ).leases;
    },
    async finishedEvents(): Promise<JobFinished[]> {
      const { store } = hosted.ports;
      if (!store || !('eventLog' in store)) throw new Error('The single profile logs events beside the documents.');
      return (await store.eventLog.read([JobFinishedSchema.typeName], 0, 1_000)).map(({ data }) => fromBinary(JobFinishedSchema, data));
    },
    close: () => hosted.close(),
  };
}
