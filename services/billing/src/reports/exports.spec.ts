import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parquetReadObjects } from 'hyparquet';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { columns } from './entry-rows.js';

const forever = { fromMs: 0, toMs: 0 };

describe('the ledger as a file', () => {
  let billing: TestBilling;
  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'artisan');
    await billing.accounts.configure('acme', 'join', { kind: 'member', memberId: 'ann', capTokens: null });
    for (const jobId of ['one', 'two'])
      await billing.reservations.reserve('acme', jobId, twoPictures, billing.clock.now() + hourMs, { memberId: 'ann', project: 'ads' });
    billing.clock.advance(1_234);
    await billing.reservations.settle('acme', 'one', 1);
  });
  afterEach(() => billing.close());

  const parquet = async (accountId = 'acme', period = forever) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of billing.ledgerReports.parquet(accountId, period)) pieces.push(piece);
    const bytes = new Uint8Array(Buffer.concat(pieces));
    return parquetReadObjects({ file: bytes.buffer });
  };
  const csv = async () => {
    let text = '';
    for await (const piece of billing.ledgerReports.csv('acme', forever)) text += piece;
    return text
      .trimEnd()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(','));
  };

  it('says the same as Parquet as it does as CSV, row by row', async () => {
    const rows = (await parquet()).map((row) =>
      columns.map((column) => (row[column] instanceof Date ? row[column].toISOString() : String(row[column] ?? ''))),
    );
    expect(rows).toEqual(await csv());
  });

  it('keeps numbers as numbers and times as times', async () => {
    const [first] = await parquet();
    expect(first).toMatchObject({ sequence: 1n, kind: 'grant', created_at: new Date(Date.UTC(2026, 0, 1)), job_id: null });
    expect((await parquet()).reduce((sum, { tokens }) => sum + BigInt((tokens as bigint | null) ?? 0n), 0n)).toBe(0n);
  });

  it('is a whole file also when nothing happened in the period', async () => {
    expect(await parquet('acme', { fromMs: 1, toMs: 2 })).toEqual([]);
  });

  it('is refused for an account that does not exist', async () => {
    await expect(parquet('nobody')).rejects.toMatchObject({ reason: 'unknown_account' });
  });
});
