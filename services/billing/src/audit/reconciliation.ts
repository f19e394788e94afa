import { Injectable } from '@nestjs/common';
import { JobService, JobState, type JobOutcome } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import type { ClosingEntry, Entry, HoldEntry } from '../ledger/account.js';
import { AccountDocuments } from '../ledger/store/account.documents.js';
import { AccountIds } from '../accounts/account-ids.js';
import { closeOperation, holdOperation } from '../ledger/commands.js';
import { DeletedJobs } from './deleted-jobs.js';
import { History } from '../reports/history.js';
import { isCreditsAccount, ledgerIdOf, ownerOf } from '../wallets.js';

export type Mismatch =
  | 'finished_job_unsettled'
  | 'settlement_without_job'
  | 'settled_job_failed'
  | 'images_differ'
  | 'delivered_job_returned'
  | 'hold_without_job';
export type ReconcileFinding = { readonly accountId: string; readonly jobId: string; readonly mismatch: Mismatch; readonly detail: string };
export type ReconcileSummary = {
  readonly accounts: number;
  readonly jobs: number;
  readonly settlements: number;
  readonly findings: number;
};
export type ReconcileResult = { readonly finding: ReconcileFinding } | { readonly summary: ReconcileSummary };

/** The event of a job's end takes milliseconds; what is still open after this is not on its way any more. */
const graceMs = 60_000;
/** Jobs asked for at once; the jobs service answers no more. */
const jobsPerCall = 500;

type Counts = { accounts: number; jobs: number; settlements: number; findings: number };
type Found = Omit<ReconcileFinding, 'accountId'>;

/** Holds the ledger against the jobs: everything delivered is charged, and everything charged was delivered. */
@Injectable()
export class Reconciliation {
  private readonly jobs: RpcClient<typeof JobService>;

  constructor(
    private readonly accountIds: AccountIds,
    private readonly history: History,
    private readonly documents: AccountDocuments,
    private readonly deletedJobs: DeletedJobs,
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.jobs = rpc.client(JobService);
  }

  /** One account, or all when `accountId` is empty. */
  async *run(accountId: string, signal: AbortSignal): AsyncIterable<ReconcileResult> {
    const counts: Counts = { accounts: 0, jobs: 0, settlements: 0, findings: 0 };
    for await (const id of this.accountIds.named(accountId)) {
      if (!isCreditsAccount(id)) counts.accounts++;
      for await (const found of this.findings(id, counts)) {
        if (signal.aborted) return;
        counts.findings++;
        yield { finding: { accountId: ownerOf(id), ...found } };
      }
      if (signal.aborted) return;
    }
    yield { summary: counts };
  }

  private async *findings(accountId: string, counts: Counts): AsyncIterable<Found> {
    for await (const page of this.history.pages(accountId, { fromMs: 0, toMs: 0 })) {
      for (let at = 0; at < page.length; at += jobsPerCall)
        yield* await this.fromLedger(accountId, page.slice(at, at + jobsPerCall), counts);
    }
    // An account's jobs are looked at once, against both of its wallets.
    if (isCreditsAccount(accountId)) return;
    for (let pageToken = ''; ;) {
      const { outcomes, nextPageToken } = await this.jobs.listOutcomes({ accountId, pageToken });
      counts.jobs += outcomes.length;
      yield* await this.fromJobs(accountId, outcomes);
      if (nextPageToken === '') return;
      pageToken = nextPageToken;
    }
  }

  /** Every settlement, return and open hold must have its job. */
  private async fromLedger(accountId: string, entries: readonly Entry[], counts: Counts): Promise<Found[]> {
    const closings = entries.filter(
      (entry): entry is ClosingEntry =>
        entry.kind === 'settle' || (entry.kind === 'release' && entry.operationId === closeOperation(entry.jobId)),
    );
    counts.settlements += closings.filter(({ kind }) => kind === 'settle').length;
    const holds = await this.openHolds(accountId, entries);
    const jobIds = [...new Set([...closings, ...holds].map(({ jobId }) => jobId))];
    if (jobIds.length === 0) return [];
    const [{ outcomes }, deleted] = await Promise.all([this.jobs.getOutcomes({ jobIds }), this.deletedJobs.among(jobIds)]);
    const outcomeOf = new Map(
      outcomes.filter((outcome) => outcome.accountId === ownerOf(accountId)).map((outcome) => [outcome.jobId, outcome]),
    );
    return [
      ...closings.flatMap((closing) => (deleted.has(closing.jobId) ? [] : judgeClosing(closing, outcomeOf.get(closing.jobId)))),
      ...holds.flatMap(({ jobId }): Found[] =>
        deleted.has(jobId) || outcomeOf.has(jobId)
          ? []
          : [
              {
                jobId,
                mismatch: 'hold_without_job',
                detail: 'Tokens are held for a job that does not exist; they return at the deadline.',
              },
            ],
      ),
    ];
  }

  /** Those of the entries that opened a hold which is still open, and for longer than a submission takes. */
  private async openHolds(accountId: string, entries: readonly Entry[]): Promise<HoldEntry[]> {
    const overdueMs = this.clock.now() - graceMs;
    const holds = entries.filter((entry): entry is HoldEntry => entry.kind === 'hold' && entry.createdMs < overdueMs);
    const closed = await this.closedAmong(
      accountId,
      holds.map(({ jobId }) => jobId),
    );
    return holds.filter(({ jobId }) => !closed.has(jobId));
  }

  /** Every job that has ended must have been charged or returned. */
  private async fromJobs(accountId: string, outcomes: readonly JobOutcome[]): Promise<Found[]> {
    const overdueMs = this.clock.now() - graceMs;
    const ended = outcomes.filter(({ finishedMs }) => finishedMs > 0n && Number(finishedMs) < overdueMs);
    const jobIds = ended.map(({ jobId }) => jobId);
    const ledgerIds = [accountId, ledgerIdOf(accountId, 'credits')];
    const closed = union(await Promise.all(ledgerIds.map((ledgerId) => this.closedAmong(ledgerId, jobIds))));
    const held = union(await Promise.all(ledgerIds.map((ledgerId) => this.heldAmong(ledgerId, jobIds))));
    return ended
      .filter(({ jobId, state }) => !closed.has(jobId) && (state === JobState.SUCCEEDED || held.has(jobId)))
      .map(({ jobId, state }) => ({
        jobId,
        mismatch: 'finished_job_unsettled',
        detail: `The job ended as ${stateName(state)}; ${held.has(jobId) ? 'its hold is still open' : 'no tokens were ever held for it'}.`,
      }));
  }

  private async closedAmong(accountId: string, jobIds: readonly string[]): Promise<ReadonlySet<string>> {
    return jobsOf(jobIds.length === 0 ? [] : await this.documents.entriesOf(accountId, jobIds.map(closeOperation)));
  }

  private async heldAmong(accountId: string, jobIds: readonly string[]): Promise<ReadonlySet<string>> {
    const opened = jobIds.length === 0 ? [] : await this.documents.entriesOf(accountId, jobIds.map(holdOperation));
    return jobsOf(opened.filter(({ kind }) => kind === 'hold'));
  }
}

const jobsOf = (entries: readonly Entry[]): ReadonlySet<string> =>
  new Set(entries.flatMap((entry) => ('jobId' in entry ? [entry.jobId] : [])));

const union = (sets: readonly ReadonlySet<string>[]): ReadonlySet<string> => new Set(sets.flatMap((set) => [...set]));

const stateName = (state: JobState): string => JobState[state].toLowerCase();

function judgeClosing(closing: ClosingEntry, outcome: JobOutcome | undefined): Found[] {
  const { jobId } = closing;
  const finding = (mismatch: Mismatch, detail: string): Found[] => [{ jobId, mismatch, detail }];
  if (closing.kind === 'release') {
    if (outcome === undefined || outcome.unitsDelivered === 0) return [];
    return finding(
      'delivered_job_returned',
      `The job delivered ${outcome.unitsDelivered} units, and its tokens were returned (${closing.reason}).`,
    );
  }
  if (!outcome) return finding('settlement_without_job', 'The job was charged and does not exist.');
  if (outcome.state !== JobState.SUCCEEDED && outcome.unitsDelivered === 0)
    return finding('settled_job_failed', `The job was charged and is ${stateName(outcome.state)}.`);
  if (outcome.unitsDelivered === closing.imagesDelivered) return [];
  return finding('images_differ', `Charged for ${closing.imagesDelivered} units; ${outcome.unitsDelivered} were delivered.`);
}
