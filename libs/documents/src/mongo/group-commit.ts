import { unavailable } from '@tessera/platform/errors.js';
import type { Committer } from './committer.js';
import { documentKey, type PackedCommit } from './group-plan.js';

/** About ten seconds of work; later commits are refused at once instead of waiting longer. */
const commitsQueuedMax = 20_000;
const bytesQueuedMax = 128 * 1024 * 1024;
/** Bounds how long a transaction runs, which costs others conflicts and the server memory. */
const groupCommitsMax = 256;
const groupBytesMax = 4 * 1024 * 1024;
/** Each is a few round trips and a journal flush, which the server shares between them. */
const groupsInFlightMax = 4;

type Queued = {
  readonly commit: PackedCommit;
  readonly bytes: number;
  /** The documents that it writes and the keys of its events. */
  readonly touches: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Gathers commits that arrive together, or while others are on their way, into one transaction. Groups that run side by side never touch the same document
 * or event key: commits of one process never conflict with each other in the server, however hot an account is, and events of a key keep their order.
 */
export class GroupCommit {
  private queue: Queued[] = [];
  private bytesQueued = 0;
  private readonly inFlight = new Set<string>();
  private isScheduled = false;
  private groupsInFlight = 0;
  private isClosing = false;
  private groupsCommitted = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly committer: Committer) {}

  get groups(): number {
    return this.groupsCommitted;
  }

  async commit(commit: PackedCommit, bytes: number): Promise<void> {
    if (this.isClosing) throw unavailable('store_closed', 'The document store is closed.');
    if (this.queue.length >= commitsQueuedMax || this.bytesQueued + bytes > bytesQueuedMax) {
      throw unavailable('store_overloaded', 'The document store has more commits waiting than it takes on.', { retryAfterMs: 1000 });
    }
    const touches = [...commit.writes.map(documentKey), ...commit.events.map(({ key }) => `event ${key}`)];
    return new Promise((resolve, reject) => {
      this.queue.push({ commit, bytes, touches, resolve, reject });
      this.bytesQueued += bytes;
      this.schedule();
    });
  }

  /** Takes no more commits, and waits for those in flight. */
  async close(): Promise<void> {
    this.isClosing = true;
    if (this.isScheduled || this.groupsInFlight > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  private schedule(): void {
    if (this.isScheduled || this.groupsInFlight >= groupsInFlightMax) return;
    this.isScheduled = true;
    // A macrotask later, when the callers that were answered together have committed again.
    setImmediate(() => void this.flush());
  }

  private async flush(): Promise<void> {
    this.isScheduled = false;
    const group = this.takeGroup();
    if (group.length > 0) {
      this.groupsInFlight++;
      if (this.queue.length > 0) this.schedule();
      await this.carryOut(group);
      this.groupsInFlight--;
    }
    if (group.length > 0 && this.queue.length > 0) this.schedule();
    else if (this.groupsInFlight === 0 && this.queue.length === 0) this.whenIdle?.();
  }

  private async carryOut(group: readonly Queued[]): Promise<void> {
    const touched = group.flatMap(({ touches }) => touches);
    for (const key of touched) this.inFlight.add(key);
    try {
      const outcomes = await this.committer.carryOut(group.map(({ commit }) => commit));
      this.groupsCommitted++;
      for (const [index, { resolve, reject }] of group.entries()) {
        const refusal = outcomes[index];
        if (refusal) reject(refusal);
        else resolve();
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    for (const key of touched) this.inFlight.delete(key);
  }

  /** The longest waiting first; what touches anything that is on its way waits, and so does what touches the same as those that wait. */
  private takeGroup(): Queued[] {
    const group: Queued[] = [];
    const left: Queued[] = [];
    const blocked = new Set<string>();
    let bytes = 0;
    for (const queued of this.queue) {
      const isFull = group.length >= groupCommitsMax || (group.length > 0 && bytes + queued.bytes > groupBytesMax);
      if (isFull || queued.touches.some((key) => this.inFlight.has(key) || blocked.has(key))) {
        for (const key of queued.touches) blocked.add(key);
        left.push(queued);
        continue;
      }
      group.push(queued);
      bytes += queued.bytes;
    }
    this.queue = left;
    this.bytesQueued -= bytes;
    return group;
  }
}
