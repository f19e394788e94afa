import { failedPrecondition, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import mongoose from 'mongoose';
import type { OpenClusterDocuments } from '../opened-documents.js';
import { Committer } from './committer.js';
import { GroupCommit } from './group-commit.js';
import { MongoDocuments } from './mongo-documents.js';
import { storeError } from './mongo-errors.js';
import { MongoOutbox } from './mongo-outbox.js';
import { relayName } from './outbox-relay.js';
import { outboxName } from './outbox-row.js';
import { schemaVersionsName } from './schema-row.js';

/** Calls that find no server wait this long for one, which covers an election and a quick restart. */
const selectionMsMax = 10_000;
/** At the start nobody waits for an election: a wrong address should show at once. */
const connectMsMax = 5_000;
/** More at the same time only wait for each other in the server. */
const connectionsMax = 32;
const namespaceExists = 48;

/** Where, without the name and the password that the address may hold. */
function placeOf(mongoUrl: string): string {
  return mongoUrl.replace(/^mongodb(\+srv)?:\/\/(?:[^@/]*@)?/, '').replace(/\?.*$/, '');
}

async function connect(mongoUrl: string): Promise<mongoose.Connection> {
  const options = {
    readPreference: 'primary',
    readConcern: { level: 'majority' },
    writeConcern: { w: 'majority', journal: true },
    serverSelectionTimeoutMS: selectionMsMax,
    maxPoolSize: connectionsMax,
    autoIndex: false,
    autoCreate: false,
  } as const;
  const connection = mongoose.createConnection();
  const timer = setTimeout(() => void connection.close(true).catch(() => undefined), connectMsMax);
  try {
    return await connection.openUri(mongoUrl, options);
  } catch (error) {
    await connection.close(true).catch(() => undefined);
    const { message, codeName } = error as { message?: string; codeName?: string };
    if (codeName === 'AuthenticationFailed')
      throw failedPrecondition('store_refused', `MongoDB at ${placeOf(mongoUrl)} does not accept the name and password of mongoUrl.`, {
        cause: error,
      });
    throw unavailable(
      'store_unavailable',
      `MongoDB at ${placeOf(mongoUrl)} cannot be reached (${message ?? 'no reason given'}); check mongoUrl and that the server runs.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

async function checkReplicaSet(connection: mongoose.Connection, mongoUrl: string): Promise<void> {
  const { setName } = await connection.getClient().db('admin').command({ hello: 1 });
  if (typeof setName === 'string') return;
  throw failedPrecondition(
    'no_replica_set',
    `MongoDB at ${placeOf(mongoUrl)} is no replica set, which commits with events need; start it with --replSet rs0 and run rs.initiate() once.`,
  );
}

/** Outside of transactions, where two processes that start together would conflict. */
async function createOwnCollections(connection: mongoose.Connection): Promise<void> {
  const existing = new Set((await connection.listCollections()).map(({ name }) => name));
  for (const name of [outboxName, relayName, schemaVersionsName]) {
    if (existing.has(name)) continue;
    await connection.createCollection(name).catch((error: { code?: number }) => {
      if (error.code !== namespaceExists) throw error;
    });
  }
}

/** Throws Unavailable `store_unavailable` or FailedPrecondition `no_replica_set` | `store_refused`. */
export async function openMongo({ mongoUrl, logger }: { mongoUrl: string; logger?: Logger | undefined }): Promise<OpenClusterDocuments> {
  const connection = await connect(mongoUrl);
  try {
    await checkReplicaSet(connection, mongoUrl);
    await createOwnCollections(connection);
  } catch (error) {
    await connection.close(true);
    throw storeError(error);
  }
  const commits = new GroupCommit(new Committer(connection));
  const outbox = new MongoOutbox(connection, logger);
  const documents = new MongoDocuments(connection, commits, logger);
  const close = async () => {
    await documents.settled();
    await commits.close();
    await outbox.close();
    await connection.close(true);
  };
  let closing: Promise<void> | undefined;
  return {
    documents,
    ready: () => documents.ready(),
    outbox,
    fsyncs: () => commits.groups,
    ping: async () => {
      await connection
        .getClient()
        .db('admin')
        .command({ ping: 1 })
        .catch((error: unknown) => Promise.reject(storeError(error)));
    },
    close: () => (closing ??= close()),
  };
}
