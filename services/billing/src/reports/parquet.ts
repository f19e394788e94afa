import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Entry } from '../ledger/account.js';
import { columns, columnTypes, rowsOf, type Column, type EntryRow } from './entry-rows.js';

const elements = {
  integer: { type: 'INT64' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
} as const satisfies Record<string, Omit<SchemaElement, 'name'>>;

const schema: SchemaElement[] = [
  { name: 'entries', num_children: columns.length },
  ...columns.map((name): SchemaElement => ({ ...elements[columnTypes[name]], name, repetition_type: 'OPTIONAL' })),
];

/** Keeps what has been written since it was last asked. */
class PieceWriter extends ByteWriter {
  take(): Uint8Array {
    const piece = this.getBytes().slice();
    this.index = 0;
    return piece;
  }
}

/** The ledger as an Apache Parquet file (https://parquet.apache.org/docs/file-format/), a row group for each page of entries, so that no more than a page is in memory. */
export async function* parquetOf(pages: AsyncIterable<readonly Entry[]>): AsyncIterable<Uint8Array> {
  const writer = new PieceWriter();
  const file = new ParquetWriter({ writer, schema, createdBy: 'tessera' });
  for await (const page of pages) {
    const rows = page.flatMap(rowsOf);
    await file.write({
      columnData: columns.map((name) => ({ name, data: rows.map((row) => valueOf(name, row)) })),
      rowGroupSize: rows.length,
    });
    yield writer.take();
  }
  await file.finish();
  yield writer.take();
}

function valueOf(column: Column, row: EntryRow): unknown {
  const value = row[column];
  if (value === undefined) return null;
  if (columnTypes[column] === 'time') return new Date(value);
  return columnTypes[column] === 'integer' ? BigInt(value) : value;
}
