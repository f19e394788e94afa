import fs from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Documents } from './documents.js';
import type { EventLog } from './event-log.js';
import { GroupCommit } from './sqlite/group-commit.js';
import type { ReaderRequest, WriterRequest } from './sqlite/protocol.js';
import { Reader } from './sqlite/reader.js';
import { SqliteDocuments } from './sqlite/sqlite-documents.js';
import { SqliteEventLog } from './sqlite/sqlite-event-log.js';
import { openForReading } from './sqlite/statements.js';
import { WorkerCalls } from './sqlite/worker-calls.js';

export type OpenDocuments = {
  readonly documents: Documents;
  readonly eventLog: EventLog;
  /** Groups that were committed since the start: one fsync each. */
  fsyncs(): number;
  /** Rejects when a thread of the store is gone. */
  ping(): Promise<void>;
  /** Waits for the commits in hand. */
  close(): Promise<void>;
};

/** Keys are hashed, but prompts and bills are nobody else's business either. */
const folderMode = 0o700;

async function prepareFolder(dataDir: string): Promise<void> {
  try {
    await fs.mkdir(dataDir, { recursive: true, mode: folderMode });
    await fs.access(dataDir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw failedPrecondition('data_folder_unusable', `The data folder ${dataDir} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}.`, { cause: error });
  }
}

/**
 * Opens the store in `dataDir/tessera.db` and makes it when it is new. Several processes may have one folder open.
 * Throws FailedPrecondition `data_folder_unusable` | `not_a_database` | `newer_schema`.
 */
export async function openDocuments({ dataDir, logger }: { dataDir: string; logger?: Logger }): Promise<OpenDocuments> {
  await prepareFolder(dataDir);
  const file = path.join(dataDir, 'tessera.db');
  const signalFile = path.join(dataDir, 'tessera.appended');
  const writerThread = new WorkerCalls<WriterRequest>(new URL('./sqlite/writer.worker.js', import.meta.url));
  const readerThread = new WorkerCalls<ReaderRequest>(new URL('./sqlite/reader.worker.js', import.meta.url));
  const closeThread = async (thread: WorkerCalls<WriterRequest> | WorkerCalls<ReaderRequest>) => {
    await thread.call({ kind: 'close' });
    await thread.exited();
  };
  try {
    await writerThread.call({ kind: 'open', file, signalFile });
    await readerThread.call({ kind: 'open', file });
  } catch (error) {
    await Promise.allSettled([closeThread(writerThread), closeThread(readerThread)]);
    throw error;
  }
  const reader = new Reader(openForReading(file), readerThread);
  const eventLog = new SqliteEventLog(reader, writerThread, signalFile, logger);
  const commits = new GroupCommit(writerThread, (offset) => eventLog.appended(offset));
  const close = async () => {
    await commits.close();
    eventLog.close();
    await reader.close();
    // Last, so that it folds the write-ahead log into the database.
    await closeThread(writerThread);
  };
  let closing: Promise<void> | undefined;
  return {
    documents: new SqliteDocuments(writerThread, commits, reader, logger),
    eventLog,
    fsyncs: () => commits.groups,
    ping: async () => {
      await Promise.all([reader.ping(), writerThread.call({ kind: 'ping' })]);
    },
    close: () => (closing ??= close()),
  };
}
