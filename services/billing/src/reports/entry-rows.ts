import type { Entry } from '../ledger/account.js';

/** The columns of every export, and how wide they are. */
export const columnTypes = {
  sequence: 'integer',
  created_at: 'time',
  operation_id: 'text',
  kind: 'text',
  job_id: 'text',
  model: 'text',
  member: 'text',
  project: 'text',
  ledger_account: 'text',
  lot_id: 'text',
  tokens: 'integer',
  balance_after: 'integer',
  hash: 'text',
} as const satisfies Record<string, 'integer' | 'time' | 'text'>;

export type Column = keyof typeof columnTypes;
export const columns = Object.keys(columnTypes) as readonly Column[];

/** `created_at` in milliseconds. What an entry does not have is absent. */
export type EntryRow = { readonly [C in Column]?: (typeof columnTypes)[C] extends 'text' ? string : number };

/** A row for each posting; an entry that moves no tokens has one row without any. */
export function rowsOf(entry: Entry): EntryRow[] {
  const { sequence, createdMs, operationId, kind, postings, balanceAfterTokens, hash } = entry;
  const common: EntryRow = {
    sequence,
    created_at: createdMs,
    operation_id: operationId,
    kind,
    ...jobColumns(entry),
    balance_after: balanceAfterTokens,
    hash,
  };
  return postings.length === 0
    ? [common]
    : postings.map(({ ledgerAccount, lotId, tokens }) => ({ ...common, ledger_account: ledgerAccount, lot_id: lotId, tokens }));
}

function jobColumns(entry: Entry): EntryRow {
  if (!('jobId' in entry)) return {};
  if (entry.kind !== 'hold') return { job_id: entry.jobId };
  return {
    job_id: entry.jobId,
    model: entry.compute.modelId,
    ...(entry.memberId === undefined ? {} : { member: entry.memberId }),
    ...(entry.project === undefined ? {} : { project: entry.project }),
  };
}
