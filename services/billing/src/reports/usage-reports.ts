import { Injectable } from '@nestjs/common';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { AcceptedPictures } from './accepted-pictures.js';
import type { Entry, HoldEntry } from '../ledger/account.js';
import { AccountDocuments } from '../ledger/store/account.documents.js';
import { deliversPictures } from '../catalogue/quote.js';
import { holdOperation } from '../ledger/commands.js';
import { invalidField, tooManyRows } from '../errors.js';
import { History, type Period } from './history.js';

export const usageKeys = ['member', 'model', 'project', 'job', 'asset'] as const;
export type UsageKey = (typeof usageKeys)[number];
export type UsageRow = {
  readonly key: string;
  readonly jobs: number;
  readonly imagesDelivered: number;
  readonly imagesAccepted: number;
  readonly tokens: number;
};
export type UsageReport = { readonly rows: readonly UsageRow[]; readonly total: UsageRow };

/** More rows than a person reads, few enough for one message. */
const rowsMax = 10_000;
/** Jobs that the jobs service is asked for at once; it answers no more. */
const jobsPerCall = 500;

/** What a job's entry is about: its hold, its pictures, and those of them that were taken. */
type Job = { readonly hold: HoldEntry; readonly assetIds: readonly string[]; readonly accepted: ReadonlySet<string> };

/** Who spent the account's tokens on what. */
@Injectable()
export class UsageReports {
  private readonly jobs: RpcClient<typeof JobService>;

  constructor(
    private readonly history: History,
    private readonly documents: AccountDocuments,
    private readonly acceptedPictures: AcceptedPictures,
    rpc: Rpc,
  ) {
    this.jobs = rpc.client(JobService);
  }

  /** Charges of the period, less those that were given back in it; the most tokens first. */
  async by(accountId: string, key: string, period: Period): Promise<UsageReport> {
    if (!isUsageKey(key)) throw invalidField('by', `by must be one of ${usageKeys.join(', ')}.`);
    const rows = new Map<string, UsageRow>();
    let total = emptyRow('');
    for await (const page of this.history.pages(accountId, period)) {
      for (let at = 0; at < page.length; at += jobsPerCall) {
        const entries = page.slice(at, at + jobsPerCall);
        const jobs = await this.jobsOf(accountId, entries, key === 'asset');
        for (const entry of entries) {
          const job = jobs.get(jobOf(entry) ?? '');
          if (!job) continue;
          total = sum(total, effectOf(entry, job));
          const shares = key === 'asset' ? sharesOf(entry, job) : [{ ...effectOf(entry, job), key: keyOf(job.hold, key) }];
          for (const share of shares) rows.set(share.key, sum(rows.get(share.key) ?? emptyRow(share.key), share));
        }
      }
      if (rows.size > rowsMax) throw tooManyRows(rowsMax);
    }
    return { rows: [...rows.values()].sort((a, b) => b.tokens - a.tokens || (a.key < b.key ? -1 : 1)), total };
  }

  private async jobsOf(accountId: string, entries: readonly Entry[], withPictures: boolean): Promise<Map<string, Job>> {
    const jobIds = [...new Set(entries.flatMap((entry) => jobOf(entry) ?? []))];
    if (jobIds.length === 0) return new Map();
    const [found, accepted, { outcomes }] = await Promise.all([
      this.documents.entriesOf(accountId, jobIds.map(holdOperation)),
      this.acceptedPictures.ofJobs(jobIds),
      withPictures ? this.jobs.getOutcomes({ jobIds }) : { outcomes: [] },
    ]);
    const assetIds = new Map(outcomes.map((outcome) => [outcome.jobId, outcome.assetIds]));
    return new Map(
      found.flatMap((hold) =>
        hold.kind === 'hold'
          ? [[hold.jobId, { hold, assetIds: assetIds.get(hold.jobId) ?? [], accepted: accepted.get(hold.jobId) ?? new Set<string>() }]]
          : [],
      ),
    );
  }
}

const isUsageKey = (text: string): text is UsageKey => (usageKeys as readonly string[]).includes(text);

const chargePrefix = 'close:';

/** The job that an entry charges, or gives its charge back to. */
function jobOf(entry: Entry): string | undefined {
  if (entry.kind === 'settle') return entry.jobId;
  return entry.kind === 'reversal' && entry.reversedOperationId.startsWith(chargePrefix)
    ? entry.reversedOperationId.slice(chargePrefix.length)
    : undefined;
}

function keyOf({ memberId, project, compute, jobId }: HoldEntry, key: Exclude<UsageKey, 'asset'>): string {
  return { member: memberId ?? '', model: compute.modelId, project: project ?? '', job: jobId }[key];
}

type Effect = Omit<UsageRow, 'key'>;

const emptyRow = (key: string): UsageRow => ({ key, jobs: 0, imagesDelivered: 0, imagesAccepted: 0, tokens: 0 });

/** A job that was given back is still one that ran. Steps and frames are no pictures. */
function effectOf(entry: Entry, { hold, accepted }: Job): Effect {
  const tokens = entry.postings.reduce((spent, posting) => (posting.ledgerAccount === 'spent' ? spent + posting.tokens : spent), 0);
  return entry.kind === 'settle'
    ? { jobs: 1, imagesDelivered: deliversPictures(hold.compute) ? entry.imagesDelivered : 0, imagesAccepted: accepted.size, tokens }
    : { jobs: 0, imagesDelivered: 0, imagesAccepted: 0, tokens };
}

/** A job's pictures share its charge evenly; what does not divide goes to the first ones, so that the shares add up to the token. Of a deleted job nobody knows the pictures any more. */
function sharesOf(entry: Entry, job: Job): UsageRow[] {
  const { tokens, ...rest } = effectOf(entry, job);
  const { assetIds, accepted } = job;
  if (assetIds.length === 0) return [{ key: '', ...rest, tokens }];
  const each = Math.trunc(tokens / assetIds.length);
  const left = tokens - each * assetIds.length;
  const isCharge = rest.jobs > 0 ? 1 : 0;
  return assetIds.map((key, at) => ({
    key,
    jobs: isCharge,
    imagesDelivered: isCharge,
    imagesAccepted: accepted.has(key) ? isCharge : 0,
    tokens: each + (at < Math.abs(left) ? Math.sign(left) : 0),
  }));
}

const sum = (row: UsageRow, effect: Effect): UsageRow => ({
  key: row.key,
  jobs: row.jobs + effect.jobs,
  imagesDelivered: row.imagesDelivered + effect.imagesDelivered,
  imagesAccepted: row.imagesAccepted + effect.imagesAccepted,
  tokens: row.tokens + effect.tokens,
});
