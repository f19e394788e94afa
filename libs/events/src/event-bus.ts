import type { DescMessage, MessageShape } from '@bufbuild/protobuf';

export type EventEnvelope = {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly occurredMs: number;
  readonly traceparent?: string | undefined;
  /** 1 on the first delivery. */
  readonly attempt: number;
};

export type EventHandler<S extends DescMessage> = (event: MessageShape<S>, envelope: EventEnvelope) => Promise<void>;

export type DeadLetter = {
  readonly deadLetterId: string;
  readonly group: string;
  readonly type: string;
  readonly key: string;
  readonly eventId: string;
  readonly attempts: number;
  readonly error: string;
  readonly failedMs: number;
};

/**
 * Delivers committed events. At least once; the events of one key in order, different keys side by side; a cursor for each group that moves only after the
 * handler has returned. A handler makes itself idempotent with the event id or the business id in the commit that it makes.
 * A handler that throws is tried again with back-off; after the last attempt the event goes to its group's dead letters and the next one is delivered.
 */
export abstract class EventBus {
  /** A group begins at the start of the log, so nothing that was committed before its first start is missed. One handler for each (type, group). Call before `start`. */
  abstract subscribe<S extends DescMessage>(schema: S, group: string, handler: EventHandler<S>): void;
  /** Begins delivery. */
  abstract start(): Promise<void>;
  /** Stops delivery and waits for the handlers that run. */
  abstract stop(): Promise<void>;
  /** Resolves when every group has handled all that was committed before the call; for tests and orderly shutdown. */
  abstract drain(): Promise<void>;
  /** Newest first, at most `limit` (1..1000); of all groups when none is named. */
  abstract deadLetters(group: string | undefined, limit: number): Promise<DeadLetter[]>;
  /** Delivers a dead letter again; it leaves the list when its handler succeeds. NotFound `unknown_dead_letter`. */
  abstract redrive(deadLetterId: string): Promise<void>;
  /** Events committed and not yet handled, by group. */
  abstract lag(): Promise<Record<string, number>>;
}
