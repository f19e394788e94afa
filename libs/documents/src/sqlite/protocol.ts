import type { ErrorKind, Reason } from '@tessera/platform/errors.js';

/** Tuples, not objects: between threads every property name of an object would be copied again for each write. */
export const writeKinds = { insert: 0, replace: 1, remove: 2 } as const;

export type PackedWrite = readonly [
  kind: (typeof writeKinds)[keyof typeof writeKinds],
  collection: string,
  id: string,
  revision: number,
  body: string,
];
export type PackedEvent = readonly [id: string, type: string, key: string, data: Uint8Array, traceparent: string | null];
export type PackedCommit = readonly [writes: readonly PackedWrite[], events: readonly PackedEvent[]];

/** A refusal on its way between threads, where classes do not travel. */
export type Refusal = readonly [kind: ErrorKind, reason: Reason, message: string];

export type GroupAnswer = {
  /** One for each commit of the group, in order; null is success. */
  readonly outcomes: readonly (Refusal | null)[];
  /** The newest offset of the log when the group appended to it. */
  readonly lastOffset: number | undefined;
};

export type TableDefinition = {
  readonly name: string;
  readonly indexes: readonly { readonly name: string; readonly sql: string }[];
  readonly version: number;
  /** The oldest version that this release migrates. */
  readonly oldestVersion: number;
  readonly formerNames: readonly string[];
};

/** How far a collection is: documents up to the id `after` have the next version already; null: all have this one. */
export type SchemaState = { readonly version: number; readonly release: string; readonly after: string | null };

export type MigratedRow = readonly [id: string, revision: number, body: string];
export type UnmigratedRows = { readonly rows: readonly MigratedRow[]; readonly isLast: boolean };

export type WriterRequest =
  | { readonly kind: 'open'; readonly file: string; readonly signalFile: string }
  | { readonly kind: 'declare'; readonly table: TableDefinition }
  | { readonly kind: 'readUnmigrated'; readonly collection: string; readonly after: string | null }
  | { readonly kind: 'migrate'; readonly collection: string; readonly state: SchemaState; readonly migrated: UnmigratedRows }
  | { readonly kind: 'group'; readonly commits: readonly PackedCommit[] }
  | { readonly kind: 'trim'; readonly offset: number; readonly occurredBeforeMs: number; readonly eventsMax: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

export type ReaderRequest =
  | { readonly kind: 'open'; readonly file: string }
  | { readonly kind: 'rows'; readonly sql: string; readonly params: readonly (string | number)[] }
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

export type WorkerCall<Request> = { readonly callId: number; readonly request: Request };
export type WorkerAnswer = { readonly callId: number; readonly value?: unknown; readonly refusal?: Refusal };
