import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { JobOutcomeSchema, JobState, type JobOutcome } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { Rpc } from '@tessera/rpc/rpc.js';

/** The jobs service as far as reconciliation asks it, two jobs to a page. */
export class SmallGeneration extends Rpc {
  readonly outcomes = new Map<string, JobOutcome>();

  /** A job that ended, or one that runs when `finishedMs` is 0. */
  add(
    jobId: string,
    unitsDelivered: number,
    finishedMs: number,
    change: { accountId?: string; state?: JobState; assetIds?: string[] } = {},
  ): void {
    this.outcomes.set(
      jobId,
      create(JobOutcomeSchema, {
        jobId,
        accountId: 'acme',
        state: finishedMs === 0 ? JobState.RUNNING : JobState.SUCCEEDED,
        unitsDelivered,
        finishedMs: BigInt(finishedMs),
        ...change,
      }),
    );
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const answer =
      method.name === 'GetOutcomes'
        ? this.named(request as { jobIds: string[] })
        : this.page(request as { accountId: string; pageToken: string });
    return create(method.output, answer as unknown as MessageInitShape<O>);
  }

  async *stream(): AsyncGenerator<never> {}

  clientStream(): Promise<never> {
    throw new Error('nobody streams to it');
  }

  async close(): Promise<void> {}

  private named({ jobIds }: { jobIds: string[] }) {
    return { outcomes: jobIds.flatMap((jobId) => this.outcomes.get(jobId) ?? []) };
  }

  private page({ accountId, pageToken }: { accountId: string; pageToken: string }) {
    const own = [...this.outcomes.values()].filter((outcome) => outcome.accountId === accountId);
    const from = Number(pageToken);
    return { outcomes: own.slice(from, from + 2), nextPageToken: from + 2 < own.length ? String(from + 2) : '' };
  }
}
