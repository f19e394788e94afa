import { pause } from '@tessera/platform/concurrency/pause.js';
import type { OutgoingEvent } from './outgoing-event.js';

/** JSON values only: no `undefined` in arrays, no bigint, no Date; numbers are finite and integers stay below 2^53. */
export type Scalar = string | number | boolean;

export type IndexSpec = {
  readonly name: string;
  /** Top-level fields of the document, most significant first. A document that lacks a field is simply not found through it. */
  readonly fields: readonly string[];
  readonly isUnique?: boolean;
};

/** One step between two versions of a collection's documents. */
export type Migration = {
  /** The version that it takes; the next one is what it makes. */
  readonly from: number;
  /** Pure: the same document always becomes the same one, since a step that a crash interrupted is taken again. What it throws stops the start. */
  readonly migrate: (value: Readonly<Record<string, unknown>>, id: string) => object;
};

export type CollectionSpec = {
  /** `<service>.<plural>`, for example `generation.jobs`. */
  readonly name: string;
  readonly indexes: readonly IndexSpec[];
  /** Of the shape of the documents, from 1 on; data that were stored without a version have version 1. */
  readonly version: number;
  /** In order and without a gap up to `version`. Older data than the first one takes are refused. */
  readonly migrations?: readonly Migration[];
  /** Names that the collection had in earlier releases: a start renames what lies under them. */
  readonly formerNames?: readonly string[];
};

/** A document as it was read. `revision` starts at 1 and grows by 1 with every replace. */
export type Stored<T> = { readonly id: string; readonly revision: number; readonly value: T };

export type Condition =
  | Scalar
  | { readonly in: readonly Scalar[] }
  | { readonly gt?: Scalar; readonly gte?: Scalar; readonly lt?: Scalar; readonly lte?: Scalar };

export type Query = {
  /** Every condition must hold; fields must belong to an index of the collection, or `find` throws InvalidArgument `unindexed_field`. The pseudo-field `id` is always allowed. */
  readonly where?: Readonly<Record<string, Condition>>;
  /** Ties are broken by id, in the direction of the last field, so that paging never skips or repeats. */
  readonly sort?: readonly (readonly [field: string, direction: 'asc' | 'desc'])[];
  /** 1..1000. */
  readonly limit: number;
  readonly offset?: number;
  /** `next` of the page before; only with the same `where` and `sort`. */
  readonly after?: string;
};

export type Page<T> = { readonly items: readonly Stored<T>[]; readonly next?: string };

/** One change, made by a collection and carried out by `Documents.commit`. */
export type Write =
  | { readonly kind: 'insert'; readonly collection: string; readonly id: string; readonly value: unknown }
  | { readonly kind: 'replace'; readonly collection: string; readonly id: string; readonly revision: number; readonly value: unknown }
  | { readonly kind: 'remove'; readonly collection: string; readonly id: string; readonly revision: number };

export abstract class Collection<T> {
  abstract readonly name: string;
  abstract get(id: string): Promise<Stored<T> | undefined>;
  /** In the order of the ids; missing ones are left out. At most 1000 ids. */
  abstract getMany(ids: readonly string[]): Promise<Stored<T>[]>;
  abstract find(query: Query): Promise<Page<T>>;
  /** Stops counting at `upTo`, so that the cost is bounded however many there are. */
  abstract count(where?: Query['where'], upTo?: number): Promise<number>;
  /** Commits as Conflict `already_exists` when the id or a unique index value is taken. */
  abstract insert(id: string, value: T): Write;
  /** Commits as Conflict `revision_mismatch` when the document has changed since `current` was read. */
  abstract replace(current: Pick<Stored<T>, 'id' | 'revision'>, value: T): Write;
  abstract remove(current: Pick<Stored<T>, 'id' | 'revision'>): Write;
}

/**
 * The document store. What is committed survives a crash of the process and of the machine. Reads see every commit that was acknowledged before they began.
 * There is no way to publish an event other than with the commit that made it true.
 */
export abstract class Documents {
  /**
   * Declares a collection, its indexes and its version; cheap and repeatable. Older documents are migrated before the first read or commit sees any of them.
   * Reads and commits throw FailedPrecondition `newer_schema` | `older_schema` | `migration_failed` where that is impossible.
   */
  abstract collection<T extends object>(spec: CollectionSpec): Collection<T>;
  /** All writes and events, or none. Throws Conflict `already_exists` | `revision_mismatch`; another commit in the same group never makes this one fail. */
  abstract commit(writes: readonly Write[], events?: readonly OutgoingEvent[]): Promise<void>;
}

/** Attempts after which a caller that keeps losing a race gives up with the Conflict. */
const conflictAttemptsMax = 12;

/** Runs a read-decide-commit cycle again, with jitter, when it lost a revision race. Anything but such a Conflict passes through at once. */
export async function retryOnConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const lostRace =
        (error as { reason?: string }).reason === 'revision_mismatch' || (error as { reason?: string }).reason === 'already_exists';
      if (!lostRace || tries >= conflictAttemptsMax) throw error;
      await pause(Math.random() * Math.min(50, 2 ** tries));
    }
  }
}
