import { parentPort } from 'node:worker_threads';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Refusal, WorkerAnswer, WorkerCall } from './protocol.js';

/** Result codes of SQLite (https://sqlite.org/rescode.html) that an operator can do something about. */
const refusals: Readonly<Record<number, readonly [kind: Refusal[0], reason: Refusal[1], sentence: string]>> = {
  5: ['Unavailable', 'store_busy', 'Another process has held the database for too long'],
  8: ['FailedPrecondition', 'data_folder_unusable', 'The database cannot be written'],
  10: ['Unavailable', 'store_unavailable', 'Reading or writing the disk failed'],
  11: ['FailedPrecondition', 'database_damaged', 'The database is damaged; restore it from a backup'],
  13: ['Unavailable', 'store_full', 'The disk is full'],
  14: ['FailedPrecondition', 'data_folder_unusable', 'The database cannot be opened'],
  26: ['FailedPrecondition', 'not_a_database', 'The file is not a Tessera database'],
};

/** The primary result code of an error of node:sqlite; 0 for any other error. */
export const primaryCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;

export function refusalOf(error: unknown): Refusal {
  if (error instanceof TesseraError) return [error.kind, error.reason, error.message];
  const text = error instanceof Error ? error.message : String(error);
  const known = refusals[primaryCode(error)];
  return known === undefined
    ? ['Internal', 'store_failed', `The document store failed: ${text}.`]
    : [known[0], known[1], `${known[2]} (${text}).`];
}

/** Answers the calls of the main thread one after the other, until a request to close. */
export function serveCalls<Request extends { readonly kind: string }>(answer: (request: Request) => unknown): void {
  const port = parentPort;
  if (port === null) throw new Error('This file runs as a worker thread only.');
  port.on('message', ({ callId, request }: WorkerCall<Request>) => {
    try {
      port.postMessage({ callId, value: answer(request) } satisfies WorkerAnswer);
    } catch (error) {
      port.postMessage({ callId, refusal: refusalOf(error) } satisfies WorkerAnswer);
    }
    if (request.kind === 'close') port.close();
  });
}
