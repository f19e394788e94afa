import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BillingService, BillState } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { JobService, JobState, type Job } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { WorkerService, type Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { defaultPool } from '@tessera/models/model-registry.js';
import { openRemoteRpc } from '@tessera/rpc/open-remote-rpc.js';
import type { Rpc } from '@tessera/rpc/rpc.js';
import { startServices, type Services } from '@tessera/servers/cluster.js';
import { startClusterServers, type ClusterServers } from '@tessera/servers/cluster-servers.js';
import { environment, newDataDir, removeDataDir, repository } from './profiles.js';
import { probeKind, probeModel, probeSubmission } from './probe/probe.js';

const askAgainMs = 100;
const claimWaitMs = 500;

/** One of two processes of the jobs service, as its callers see it. */
export class JobsPod {
  constructor(
    readonly rpc: Rpc,
    readonly httpAddress: string,
  ) {}

  get jobs() {
    return this.rpc.client(JobService);
  }

  get workers() {
    return this.rpc.client(WorkerService);
  }

  async submit(accountId: string, idempotencyKey: string = randomUUID()): Promise<string> {
    const { job } = await this.jobs.submit({ ...probeSubmission(accountId, { units: 1, sleepMs: 0 }), idempotencyKey });
    return job!.jobId;
  }

  claim(workerId: string, waitMs = claimWaitMs) {
    return this.workers.claim({ workerId, pool: defaultPool, kinds: [probeKind], modelIds: [probeModel], maxJobs: 1, maxUnits: 8, waitMs });
  }

  complete({ jobId, leaseId, outputIds }: Lease) {
    const outputs = outputIds.map((assetId, index) => ({ assetId, index, contentType: 'application/json', sizeBytes: 2n, sha256: '' }));
    return this.workers.complete({ jobId, leaseId, outputs, modelVersion: '1', gpuSeconds: 0.01, unitsDelivered: 1 });
  }
}

/** The cluster profile with two processes of the jobs service, whose workers are the spec's own: they claim and complete through whichever process they are told to. */
export class JobPair {
  private constructor(
    readonly dataDir: string,
    readonly servers: ClusterServers,
    readonly services: Services,
    public pods: readonly [JobsPod, JobsPod],
    readonly rpc: Rpc,
  ) {}

  static async start(): Promise<JobPair> {
    const dataDir = await newDataDir();
    const servers = await startClusterServers({ dataDir: path.join(dataDir, 'servers') });
    const services = await startServices({
      repository,
      dataDir,
      engine: 'noop',
      workers: 0,
      twice: ['jobs'],
      env: { ...environment(), ...servers.env },
    });
    const pod = (name: string) => {
      const { grpc, http } = services.addresses[name]!;
      return new JobsPod(openRemoteRpc(new Map([JobService, WorkerService].map(({ typeName }) => [typeName, grpc]))), http);
    };
    const rpc = openRemoteRpc(new Map([[BillingService.typeName, services.addresses['billing']!.grpc]]));
    return new JobPair(dataDir, servers, services, [pod('jobs'), pod('jobs-2')], rpc);
  }

  /** One of the processes that live: who calls the service by its name in a cluster is led to no other. */
  any(): JobsPod {
    return this.pods[Math.random() < 0.5 ? 0 : 1]!;
  }

  /** kill -9 of the second. */
  async killSecond(): Promise<void> {
    const [first] = this.pods;
    this.pods = [first, first];
    await this.services.seconds.jobs!.kill();
  }

  get billing() {
    return this.rpc.client(BillingService);
  }

  async openAccount(plan: string): Promise<string> {
    const accountId = randomUUID();
    await this.billing.openAccount({ accountId, plan });
    if (plan !== 'free') await this.billing.topUp({ accountId, tokens: 1_000_000n, operationId: 'top-up' });
    return accountId;
  }

  /** A worker until the signal aborts: it claims through one process and completes through the other or the same; what a dead process does not answer goes through the other. */
  async work(workerId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { leases } = await this.any()
        .claim(workerId)
        .catch(() => ({ leases: [] }));
      for (const lease of leases) {
        await delay(Math.random() * 20);
        await untilAnswered(() => this.any().complete(lease));
      }
    }
  }

  /** Waits for the end, which either process must know. */
  async ended(accountId: string, jobId: string): Promise<Job> {
    for (let turn = 0; ; turn += 1) {
      const found = await this.pods[turn % 2]!.jobs.get({ accountId, jobId, waitMs: 5_000 }).catch(() => undefined);
      if (found?.job && found.job.finishedMs > 0n) return found.job;
      if (!found) await delay(askAgainMs);
    }
  }

  /** The charge of a job once its bill is closed. */
  async charged(accountId: string, jobId: string): Promise<bigint> {
    for (;;) {
      const { bill } = await this.billing.getBill({ accountId, jobId, waitMs: 10_000 });
      if (bill && bill.state !== BillState.HELD) return bill.chargedTokens;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pods.map(({ rpc }) => rpc.close()), this.rpc.close()]);
    await this.services.stop();
    await this.services.seconds.jobs?.kill();
    await this.servers.stop();
    await removeDataDir(this.dataDir);
  }
}

/** Repeats what was not answered. A refusal, for example that a lease is another's by now, is an answer. */
async function untilAnswered(call: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) return;
      await delay(askAgainMs);
    }
  }
}

/** The greatest number that ran at once. A job gives its place up only after the time that its end carries, and takes it before the time of its start. */
export function mostAtOnce(jobs: readonly Job[]): number {
  const steps = jobs.flatMap(({ startedMs, finishedMs }) => [
    { atMs: Number(startedMs), change: 1 },
    { atMs: Number(finishedMs), change: -1 },
  ]);
  steps.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let running = 0;
  return steps.reduce((most, { change }) => Math.max(most, (running += change)), 0);
}

export const succeeded = ({ state }: Job): boolean => state === JobState.SUCCEEDED;
