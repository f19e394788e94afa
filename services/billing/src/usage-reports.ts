import { Injectable } from '@nestjs/common';
import type { Entry, HoldEntry } from './account.js';
import { AccountDocuments } from './account.documents.js';
import { holdOperation } from './commands.js';
import { invalidField, tooManyRows } from './errors.js';
import { History, type Period } from './history.js';

export const usageKeys = ['member', 'model', 'project', 'job'] as const;
export type UsageKey = (typeof usageKeys)[number];
export type UsageRow = { readonly key: string; readonly jobs: number; readonly imagesDelivered: number; readonly tokens: number };
export type UsageReport = { readonly rows: readonly UsageRow[]; readonly total: UsageRow };

/** More rows than a person reads, few enough for one message. */
const rowsMax = 10_000;

/** Who spent the account's tokens on what. */
@Injectable()
export class UsageReports {
  constructor(
    private readonly history: History,
    private readonly documents: AccountDocuments,
  ) {}

  /** Charges of the period, less those that were given back in it; the most tokens first. */
  async by(accountId: string, key: string, period: Period): Promise<UsageReport> {
    if (!isUsageKey(key)) throw invalidField('by', `by must be one of ${usageKeys.join(', ')}.`);
    const rows = new Map<string, UsageRow>();
    for await (const page of this.history.pages(accountId, period)) {
      const holds = await this.holdsOf(accountId, page);
      for (const entry of page) {
        const hold = holds.get(jobOf(entry) ?? '');
        if (hold) rows.set(keyOf(hold, key), sum(rows.get(keyOf(hold, key)) ?? { key: keyOf(hold, key), jobs: 0, imagesDelivered: 0, tokens: 0 }, effectOf(entry)));
      }
      if (rows.size > rowsMax) throw tooManyRows(rowsMax);
    }
    const sorted = [...rows.values()].sort((a, b) => b.tokens - a.tokens || (a.key < b.key ? -1 : 1));
    return { rows: sorted, total: sorted.reduce(sum, { key: '', jobs: 0, imagesDelivered: 0, tokens: 0 }) };
  }

  private async holdsOf(accountId: string, entries: readonly Entry[]): Promise<Map<string, HoldEntry>> {
    const jobIds = new Set(entries.flatMap((entry) => jobOf(entry) ?? []));
    const found = jobIds.size === 0 ? [] : await this.documents.entriesOf(accountId, [...jobIds].map(holdOperation));
    return new Map(found.flatMap((entry) => (entry.kind === 'hold' ? [[entry.jobId, entry]] : [])));
  }
}

const isUsageKey = (text: string): text is UsageKey => (usageKeys as readonly string[]).includes(text);

const chargePrefix = 'close:';

/** The job that an entry charges, or gives its charge back to. */
function jobOf(entry: Entry): string | undefined {
  if (entry.kind === 'settle') return entry.jobId;
  return entry.kind === 'reversal' && entry.reversedOperationId.startsWith(chargePrefix) ? entry.reversedOperationId.slice(chargePrefix.length) : undefined;
}

function keyOf({ memberId, project, compute, jobId }: HoldEntry, key: UsageKey): string {
  return { member: memberId ?? '', model: compute.modelId, project: project ?? '', job: jobId }[key];
}

type Effect = Omit<UsageRow, 'key'>;

/** A job that was given back is still one that ran. */
function effectOf(entry: Entry): Effect {
  const tokens = entry.postings.reduce((spent, posting) => (posting.ledgerAccount === 'spent' ? spent + posting.tokens : spent), 0);
  return entry.kind === 'settle' ? { jobs: 1, imagesDelivered: entry.imagesDelivered, tokens } : { jobs: 0, imagesDelivered: 0, tokens };
}

const sum = (row: UsageRow, effect: Effect): UsageRow => ({ key: row.key, jobs: row.jobs + effect.jobs, imagesDelivered: row.imagesDelivered + effect.imagesDelivered, tokens: row.tokens + effect.tokens });
