import type { Entry } from './account.js';

const columns = ['sequence', 'created_at', 'operation_id', 'kind', 'job_id', 'model', 'member', 'project', 'ledger_account', 'lot_id', 'tokens', 'balance_after', 'hash'] as const;
type Row = Partial<Record<(typeof columns)[number], string | number>>;

export const csvHeader = `${columns.join(',')}\r\n`;

/** A row for each posting, as RFC 4180 wants them; an entry that moves no tokens has one row without any. */
export function csvOf(entry: Entry): string {
  const { sequence, createdMs, operationId, kind, postings, balanceAfterTokens, hash } = entry;
  const common: Row = { sequence, created_at: new Date(createdMs).toISOString(), operation_id: operationId, kind, ...jobColumns(entry), balance_after: balanceAfterTokens, hash };
  const rows: Row[] = postings.length === 0 ? [common] : postings.map(({ ledgerAccount, lotId, tokens }) => ({ ...common, ledger_account: ledgerAccount, lot_id: lotId, tokens }));
  return rows.map((row) => `${columns.map((column) => cell(row[column])).join(',')}\r\n`).join('');
}

function jobColumns(entry: Entry): Row {
  if (!('jobId' in entry)) return {};
  if (entry.kind !== 'hold') return { job_id: entry.jobId };
  return { job_id: entry.jobId, model: entry.compute.modelId, ...(entry.memberId === undefined ? {} : { member: entry.memberId }), ...(entry.project === undefined ? {} : { project: entry.project }) };
}

function cell(value: string | number = ''): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
