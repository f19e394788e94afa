import { newId } from '@tessera/platform/ids.js';
import { unavailable, type TesseraError } from '@tessera/platform/errors.js';
import mongoose from 'mongoose';
import { driverCollection } from './collection-model.js';
import {
  alreadyExists,
  documentKey,
  planGroup,
  refusalOf,
  type GroupPlan,
  type PackedCommit,
  type PackedWrite,
  type Revisions,
} from './group-plan.js';
import { isDuplicateKey, storeError } from './mongo-errors.js';
import { outboxCollection, type OutboxRow } from './outbox-row.js';

/** Transactions that conflict with those of other processes, or that a restarting server refuses, are tried again, with jitter, for so long. */
const transactionMsMax = 15_000;

export type Outcome = TesseraError | null;

/** The server did not hold what an optimistic plan took for given. */
class Outdated extends Error {}

/** Carries out groups of commits: a single write by itself, which is atomic, anything more as one transaction with its outbox rows. */
export class Committer {
  constructor(private readonly connection: mongoose.Connection) {}

  /** Throws what concerns the whole group. One commit's refusal is its outcome, and leaves the others alone. */
  async carryOut(commits: readonly PackedCommit[]): Promise<readonly Outcome[]> {
    const [first] = commits;
    const single = first?.writes[0];
    if (commits.length === 1 && single !== undefined && first?.writes.length === 1 && first.events.length === 0)
      return [await this.writeOne(single)];
    try {
      return await this.transact(commits, () => Promise.resolve(undefined));
    } catch (error) {
      if (!(error instanceof Outdated) && !isDuplicateKey(error)) throw storeError(error);
      return this.carryOutCarefully(commits);
    }
  }

  /** Looks the revisions up first. A unique value that is taken cannot be foreseen: then each commit goes alone, to see which one it was. */
  private async carryOutCarefully(commits: readonly PackedCommit[]): Promise<readonly Outcome[]> {
    try {
      return await this.transact(commits, (session) => this.revisionsOf(commits, session));
    } catch (error) {
      if (!isDuplicateKey(error)) throw storeError(error);
      if (commits.length === 1)
        return [alreadyExists(commits[0]?.writes.find(({ kind }) => kind !== 'remove') ?? { collection: 'The store', id: '' })];
    }
    const outcomes: Outcome[] = [];
    for (const commit of commits) outcomes.push(...(await this.carryOutCarefully([commit])));
    return outcomes;
  }

  private async writeOne(write: PackedWrite): Promise<Outcome> {
    const collection = driverCollection(this.connection, write.collection);
    const { id: _id, revision } = write;
    try {
      if (write.kind === 'remove') return (await collection.deleteOne({ _id, revision })).deletedCount === 1 ? null : refusalOf(write);
      const document = { _id, revision: revision + 1, ...write.body };
      if (write.kind === 'replace')
        return (await collection.replaceOne({ _id, revision }, document)).matchedCount === 1 ? null : refusalOf(write);
      await collection.insertOne(document);
      return null;
    } catch (error) {
      if (isDuplicateKey(error)) return alreadyExists(write);
      throw storeError(error);
    }
  }

  /** The driver runs the callback again, with growing and random pauses, after write conflicts and lost connections; it resolves unknown outcomes. */
  private async transact(
    commits: readonly PackedCommit[],
    look: (session: mongoose.ClientSession) => Promise<Revisions | undefined>,
  ): Promise<readonly Outcome[]> {
    const session = this.connection.getClient().startSession();
    const deadlineMs = performance.now() + transactionMsMax;
    try {
      return await session.withTransaction(
        async () => {
          if (performance.now() > deadlineMs)
            throw unavailable('store_unavailable', 'The document store could not carry out a commit in time.', { retryAfterMs: 1000 });
          const plan = planGroup(commits, await look(session));
          await this.write(plan, session);
          return plan.outcomes;
        },
        { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority', journal: true } },
      );
    } finally {
      await session.endSession();
    }
  }

  private async write({ operations, events }: GroupPlan, session: mongoose.ClientSession): Promise<void> {
    for (const [name, list] of operations) {
      const result = await driverCollection(this.connection, name).bulkWrite([...list], { session });
      if (result.insertedCount + result.matchedCount + result.deletedCount !== list.length) throw new Outdated();
    }
    if (events.length === 0) return;
    const occurredMs = Date.now();
    const rows = events.map(({ id, type, key, data, traceparent }): OutboxRow => ({
      _id: newId(),
      eventId: id,
      type,
      key,
      occurredMs,
      data: new mongoose.mongo.Binary(data),
      ...(traceparent === undefined ? {} : { traceparent }),
    }));
    await outboxCollection(this.connection).insertMany(rows, { session });
  }

  private async revisionsOf(commits: readonly PackedCommit[], session: mongoose.ClientSession): Promise<Revisions> {
    const ids = new Map<string, Set<string>>();
    for (const { collection, id } of commits.flatMap(({ writes }) => writes))
      ids.set(collection, (ids.get(collection) ?? new Set()).add(id));
    const revisions: Revisions = new Map();
    for (const [collection, wanted] of ids) {
      const found = driverCollection(this.connection, collection).find(
        { _id: { $in: [...wanted] } },
        { session, projection: { revision: 1 } },
      );
      for await (const { _id, revision } of found) revisions.set(documentKey({ collection, id: _id }), revision);
    }
    return revisions;
  }
}
