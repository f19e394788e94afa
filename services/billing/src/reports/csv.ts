import type { Entry } from '../ledger/account.js';
import { columns, rowsOf, type Column, type EntryRow } from './entry-rows.js';

export const csvHeader = `${columns.join(',')}\r\n`;

/** As RFC 4180 wants it. */
export const csvOf = (entry: Entry): string =>
  rowsOf(entry)
    .map((row) => `${columns.map((column) => cell(column, row[column])).join(',')}\r\n`)
    .join('');

function cell(column: Column, value: EntryRow[Column] = ''): string {
  const text = column === 'created_at' ? new Date(value).toISOString() : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
