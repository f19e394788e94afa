import { unavailable } from '@tessera/platform/errors.js';
import type { GroupAnswer, PackedCommit, WriterRequest } from './protocol.js';
import { errorOf, type WorkerCalls } from './worker-calls.js';

/** About a second of work; later commits are refused at once instead of waiting longer. */
const commitsQueuedMax = 20_000;
const charsQueuedMax = 128 * 1024 * 1024;
/** Bounds how long a group holds the file against other processes, and the memory of one message. */
const groupCommitsMax = 512;
const groupCharsMax = 8 * 1024 * 1024;
/** While the answer to one group travels back, the writer has the next: with one alone, the writer and this thread would be idle in turn. */
const groupsInFlightMax = 2;

type Queued = {
  readonly commit: PackedCommit;
  readonly chars: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Gathers commits that arrive together, or while groups are on their way to the disk, into one transaction: the fsync, which costs more than all else, is shared.
 * A group is taken a macrotask after its first commit arrived, when the callers that were answered together have committed again.
 */
export class GroupCommit {
  private queue: Queued[] = [];
  private charsQueued = 0;
  private isScheduled = false;
  private groupsInFlight = 0;
  private isClosing = false;
  private groupsCommitted = 0;
  private whenIdle: (() => void) | undefined;

  constructor(
    private readonly worker: WorkerCalls<WriterRequest>,
    private readonly onAppended: (lastOffset: number) => void,
  ) {}

  get groups(): number {
    return this.groupsCommitted;
  }

  async commit(commit: PackedCommit, chars: number): Promise<void> {
    if (this.isClosing) throw unavailable('store_closed', 'The document store is closed.');
    if (this.queue.length >= commitsQueuedMax || this.charsQueued + chars > charsQueuedMax) {
      throw unavailable('store_overloaded', 'The document store has more commits waiting than it takes on.', { retryAfterMs: 1000 });
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ commit, chars, resolve, reject });
      this.charsQueued += chars;
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
    setImmediate(() => void this.flush());
  }

  private async flush(): Promise<void> {
    this.isScheduled = false;
    this.groupsInFlight++;
    const group = this.takeGroup();
    try {
      const answer = (await this.worker.call({ kind: 'group', commits: group.map(({ commit }) => commit) })) as GroupAnswer;
      this.groupsCommitted++;
      this.settle(group, answer);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.groupsInFlight--;
    if (this.queue.length > 0) this.schedule();
    else if (this.groupsInFlight === 0) this.whenIdle?.();
  }

  private settle(group: readonly Queued[], { outcomes, lastOffset }: GroupAnswer): void {
    for (const [index, { resolve, reject }] of group.entries()) {
      const refusal = outcomes[index];
      if (refusal) reject(errorOf(refusal));
      else resolve();
    }
    if (lastOffset !== undefined) this.onAppended(lastOffset);
  }

  private takeGroup(): Queued[] {
    let taken = 0;
    let chars = 0;
    for (const queued of this.queue) {
      if (taken >= groupCommitsMax || (taken > 0 && chars + queued.chars > groupCharsMax)) break;
      taken++;
      chars += queued.chars;
    }
    this.charsQueued -= chars;
    return this.queue.splice(0, taken);
  }
}
