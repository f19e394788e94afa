import type { Collection, Documents, Stored } from '@tessera/documents/documents.js';
import type { Logger } from '@tessera/platform/logger.js';

export type CursorDocument = { offset: number };

/** Handled events become durable this late: a crash repeats at most those of this time, while an fsync for each would cost more than the handlers. */
const commitDelayMs = 100;
/** After the store refused; the events themselves are handled anyway. */
const commitRetryMs = 1_000;
/** A group that nothing was for still moves its cursor every so many offsets, so that the log can be trimmed. */
const idleOffsetsMax = 1_000;

/** How far a group has come, kept as a document; writes lag behind on purpose, one at a time. */
export class Cursor {
  /** Absent before `load`, and after the store was closed under us. */
  private current: Stored<CursorDocument> | undefined;
  private position = 0;
  private timer: NodeJS.Timeout | undefined;
  private committing: Promise<void> | undefined;

  constructor(
    private readonly group: string,
    private readonly cursors: Collection<CursorDocument>,
    private readonly documents: Documents,
    private readonly logger: Logger,
  ) {}

  /** Where the group goes on. A new group's cursor is written at once: the log is not trimmed past it from then on. */
  async load(): Promise<number> {
    this.current = await this.cursors.get(this.group);
    if (this.current === undefined) {
      await this.documents.commit([this.cursors.insert(this.group, { offset: 0 })]).catch((error: { reason?: string }) => {
        if (error.reason !== 'already_exists') throw error;
      });
      this.current = await this.cursors.get(this.group);
    }
    this.position = this.current?.value.offset ?? 0;
    return this.position;
  }

  /** Everything up to `offset` is handled. */
  advance(offset: number, hasHandled: boolean): void {
    this.position = offset;
    if (this.current === undefined) return;
    if (hasHandled || offset - this.current.value.offset >= idleOffsetsMax) this.schedule(commitDelayMs);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.committing;
    clearTimeout(this.timer);
    await this.write();
  }

  private schedule(delayMs: number): void {
    if (this.timer !== undefined || this.committing !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.committing = this.commit();
    }, delayMs).unref();
  }

  private async commit(): Promise<void> {
    const isWritten = await this.write();
    this.committing = undefined;
    if (this.current !== undefined && this.position > this.current.value.offset) this.schedule(isWritten ? commitDelayMs : commitRetryMs);
  }

  private async write(): Promise<boolean> {
    const { current, position } = this;
    if (current === undefined || position <= current.value.offset) return true;
    try {
      await this.documents.commit([this.cursors.replace(current, { offset: position })]);
      this.current = { ...current, revision: current.revision + 1, value: { offset: position } };
      return true;
    } catch (error) {
      return this.recover(error as { reason?: string });
    }
  }

  /** Another instance of the group moves the same cursor: take its revision, and write again only when we are further. */
  private async recover(error: { reason?: string }): Promise<boolean> {
    if (error.reason === 'store_closed') {
      // The owner closed the store first: nothing is lost, the events of the last moments are delivered again at the next start.
      this.current = undefined;
      return true;
    }
    if (error.reason === 'revision_mismatch') this.current = await this.cursors.get(this.group);
    else this.logger.warn({ err: error, group: this.group }, 'the cursor of an event group could not be written; will try again');
    return false;
  }
}
