import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService, JobState, type Job } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { openRemoteRpc } from '@tessera/rpc/open-remote-rpc.js';
import { freeLoopbackPort } from '@tessera/servers/loopback.js';
import { ServiceProcess } from '@tessera/servers/service-process.js';
import { environment, newDataDir, removeDataDir, repository } from '../profiles.js';
import { probeSubmission, type ProbeRequest, type ProbeUnits } from './probe.js';

const waitMs = 20_000;

/** A process that runs images and probes, and the calls that the specs make. */
export class ProbeNode {
  readonly rpc;

  private constructor(
    private readonly dataDir: string,
    private readonly process: ServiceProcess,
    address: string,
  ) {
    this.rpc = openRemoteRpc(
      new Map([BillingService, GenerationService, JobService, StorageService].map(({ typeName }) => [typeName, address])),
    );
  }

  static async start(): Promise<ProbeNode> {
    const dataDir = await newDataDir();
    const [grpcPort, httpPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
    const env = {
      ...environment(),
      TESSERA_DATA: dataDir,
      TESSERA_ENGINE: 'noop',
      TESSERA_GRPC_PORT: `${grpcPort}`,
      TESSERA_HTTP_PORT: `${httpPort}`,
    };
    const process = new ServiceProcess({
      name: 'probe',
      args: ['test/dist/probe/probe-server.js'],
      cwd: repository,
      env,
      readyWords: '"ready"',
    });
    await process.start();
    return new ProbeNode(dataDir, process, `127.0.0.1:${grpcPort}`);
  }

  get jobs() {
    return this.rpc.client(JobService);
  }

  get billing() {
    return this.rpc.client(BillingService);
  }

  async openAccount(plan: string): Promise<string> {
    const accountId = `probe-${plan}`;
    await this.billing.openAccount({ accountId, plan });
    return accountId;
  }

  async submit(accountId: string, request: ProbeRequest): Promise<string> {
    const { job } = await this.jobs.submit(probeSubmission(accountId, request));
    return job!.jobId;
  }

  async submitImage(accountId: string): Promise<string> {
    const { job } = await this.rpc
      .client(GenerationService)
      .submit({ accountId, request: { prompt: 'an apple', images: 1, widthPx: 512, heightPx: 512, steps: 4 } });
    return job!.jobId;
  }

  /** Waits for its end. */
  async ended(accountId: string, jobId: string): Promise<Job> {
    for (;;) {
      const { job } = await this.jobs.get({ accountId, jobId, waitMs });
      if (job!.finishedMs > 0n) return job!;
    }
  }

  async running(accountId: string, jobId: string): Promise<void> {
    for await (const { event } of this.jobs.watch({ accountId, jobId }))
      if (event.case === 'job' && event.value.state === JobState.RUNNING) return;
  }

  /** Waits until the queue knows a checkpoint of so many steps at least. */
  async checkpointed(accountId: string, jobId: string, steps: number): Promise<void> {
    for await (const { event } of this.jobs.watch({ accountId, jobId })) {
      if (event.case === 'progress' && event.value.step >= steps) break;
    }
    for (;;) {
      const { job } = await this.jobs.get({ accountId, jobId });
      if ((job!.progress?.step ?? 0) > 0) return;
    }
  }

  /** What a job has delivered. */
  async text(accountId: string, { outputs }: Job): Promise<ProbeUnits> {
    const parts: Uint8Array[] = [];
    for await (const { part } of this.rpc.client(StorageService).readAsset({ accountId, assetId: outputs[0]!.assetId }))
      if (part.case === 'data') parts.push(part.value);
    return JSON.parse(Buffer.concat(parts).toString()) as ProbeUnits;
  }

  /** kill -9, and the same process again on the same data. */
  async killAndRestart(): Promise<void> {
    await this.process.kill();
    await this.process.start();
  }

  async stop(): Promise<void> {
    await this.rpc.close();
    await this.process.stop();
    await removeDataDir(this.dataDir);
  }
}
