import fs from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { OpenClusterDocuments, OpenDocuments } from './opened-documents.js';
import { GroupCommit } from './sqlite/group-commit.js';
import type { ReaderRequest, WriterRequest } from './sqlite/protocol.js';
import { Reader } from './sqlite/reader.js';
import { SqliteDocuments } from './sqlite/sqlite-documents.js';
import { SqliteEventLog } from './sqlite/sqlite-event-log.js';
import { openForReading } from './sqlite/statements.js';
import { WorkerCalls } from './sqlite/worker-calls.js';

export type { OpenClusterDocuments, OpenDocuments } from './opened-documents.js';

type SingleOptions = { readonly profile?: 'single'; readonly dataDir: string; readonly logger?: Logger };
type ClusterOptions = { readonly profile: 'cluster'; readonly mongoUrl: string; readonly logger?: Logger };

/** Keys are hashed, but prompts and bills are nobody else's business either. */
const folderMode = 0o700;

async function prepareFolder(dataDir: string): Promise<void> {
  try {
    await fs.mkdir(dataDir, { recursive: true, mode: folderMode });
    await fs.access(dataDir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw failedPrecondition(
      'data_folder_unusable',
      `The data folder ${dataDir} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}.`,
      { cause: error },
    );
  }
}

/**
 * Opens the document store of a profile: a file in `dataDir`, made when it is new, which several processes may have open; or a database of MongoDB.
 * Throws FailedPrecondition `data_folder_unusable` | `not_a_database` | `newer_schema`, or `no_replica_set` | `store_refused` | Unavailable `store_unavailable`.
 */
export function openDocuments(options: SingleOptions): Promise<OpenDocuments>;
export function openDocuments(options: ClusterOptions): Promise<OpenClusterDocuments>;
export async function openDocuments(options: SingleOptions | ClusterOptions): Promise<OpenDocuments | OpenClusterDocuments> {
  if (options.profile !== 'cluster') return openSqlite(options);
  // Loaded where it is needed: the driver is large, and the single profile does without.
  const { openMongo } = await import('./mongo/open-mongo.js');
  return openMongo(options);
}

async function openSqlite({ dataDir, logger }: SingleOptions): Promise<OpenDocuments> {
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
  const documents = new SqliteDocuments(writerThread, commits, reader, logger);
  const close = async () => {
    await documents.settled();
    await commits.close();
    eventLog.close();
    await reader.close();
    // Last, so that it folds the write-ahead log into the database.
    await closeThread(writerThread);
  };
  let closing: Promise<void> | undefined;
  return {
    documents,
    ready: () => documents.ready(),
    eventLog,
    fsyncs: () => commits.groups,
    ping: async () => {
      await Promise.all([reader.ping(), writerThread.call({ kind: 'ping' })]);
    },
    close: () => (closing ??= close()),
  };
}
