import { conflict, type TesseraError } from '@tessera/platform/errors.js';
import type mongoose from 'mongoose';
import type { OutgoingEvent } from '../outgoing-event.js';
import type { DocumentBody, StoredDocument } from './stored-document.js';

export type PackedWrite =
  | ({ readonly kind: 'insert'; readonly collection: string; readonly id: string; readonly revision: 0 } & DocumentBody)
  | ({ readonly kind: 'replace'; readonly collection: string; readonly id: string; readonly revision: number } & DocumentBody)
  | { readonly kind: 'remove'; readonly collection: string; readonly id: string; readonly revision: number };

export type PackedCommit = { readonly writes: readonly PackedWrite[]; readonly events: readonly OutgoingEvent[] };

export type Operation = mongoose.mongo.AnyBulkWriteOperation<StoredDocument>;

/** What becomes of each commit of a group, and what has to be written for those that succeed. */
export type GroupPlan = {
  /** One for each commit, in order; null is success. */
  readonly outcomes: readonly (TesseraError | null)[];
  readonly operations: ReadonlyMap<string, readonly Operation[]>;
  readonly events: readonly OutgoingEvent[];
};

/** Revisions by document; 0 is a document that is not there. */
export type Revisions = Map<string, number>;

export const documentKey = ({ collection, id }: Pick<PackedWrite, 'collection' | 'id'>): string => `${collection}/${id}`;

export const alreadyExists = ({ collection, id }: Pick<PackedWrite, 'collection' | 'id'>): TesseraError =>
  conflict('already_exists', `${collection} has a document ${id}, or another one with a unique value of it, already.`);

export function refusalOf(write: PackedWrite): TesseraError {
  return write.kind === 'insert'
    ? alreadyExists(write)
    : conflict('revision_mismatch', `${write.id} of ${write.collection} was changed meanwhile.`);
}

function operationOf(write: PackedWrite): Operation {
  const { id: _id, revision } = write;
  if (write.kind === 'remove') return { deleteOne: { filter: { _id, revision } } };
  const document = { _id, revision: revision + 1, ...write.body };
  return write.kind === 'insert' ? { insertOne: { document } } : { replaceOne: { filter: { _id, revision }, replacement: document } };
}

/**
 * Decides a group in memory, in the order in which the commits came: of many that race for one revision the first wins and the others are refused without
 * troubling the server. Without `known` the first write of each document is taken to expect the right revision; whether it did shows when it is written.
 */
export function planGroup(commits: readonly PackedCommit[], known: Revisions | undefined): GroupPlan {
  const revisions: Revisions = new Map(known);
  const operations = new Map<string, Operation[]>();
  const events: OutgoingEvent[] = [];
  const outcomes = commits.map((commit) => {
    const changed: Revisions = new Map();
    for (const write of commit.writes) {
      const key = documentKey(write);
      const current = changed.get(key) ?? revisions.get(key) ?? (known === undefined ? write.revision : 0);
      if (current !== write.revision) return refusalOf(write);
      changed.set(key, write.kind === 'remove' ? 0 : write.revision + 1);
    }
    for (const [key, revision] of changed) revisions.set(key, revision);
    for (const write of commit.writes) {
      const list = operations.get(write.collection);
      if (list === undefined) operations.set(write.collection, [operationOf(write)]);
      else list.push(operationOf(write));
    }
    events.push(...commit.events);
    return null;
  });
  return { outcomes, operations, events };
}
