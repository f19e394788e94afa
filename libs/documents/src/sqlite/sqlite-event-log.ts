import fs from 'node:fs';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { EventLog, type LoggedEvent } from '../event-log.js';
import type { WriterRequest } from './protocol.js';
import type { Reader } from './reader.js';
import type { WorkerCalls } from './worker-calls.js';

const readEventsMax = 1000;
/** Deleting more at once would hold the file for too long. */
const trimEventsMax = 5000;
/**
 * Commits of other processes are noticed by a file watcher. Watchers may miss events (a network file system, an exhausted inotify quota), so the newest offset, one lookup of
 * microseconds, is compared this often; it bounds the delay where watching does not work at all.
 */
const safetyCheckMs = 5_000;

type EventRow = readonly [
  offset: number,
  id: string,
  type: string,
  key: string,
  occurredMs: number,
  traceparent: string | null,
  data: Uint8Array,
];

export class SqliteEventLog extends EventLog {
  private readonly listeners = new Set<() => void>();
  private announcedOffset = 0;
  private watcher: fs.FSWatcher | undefined;
  private safetyTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: Reader,
    private readonly writer: WorkerCalls<WriterRequest>,
    private readonly signalFile: string,
    private readonly logger: Logger | undefined,
  ) {
    super();
  }

  async read(types: readonly string[], afterOffset: number, limit: number): Promise<LoggedEvent[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > readEventsMax)
      throw invalidArgument('invalid_limit', `limit must be a whole number from 1 to ${readEventsMax}.`);
    const sql = `SELECT "offset",id,type,key,occurred_ms,traceparent,data FROM event_log
      WHERE "offset">? AND type IN (SELECT value FROM json_each(?)) ORDER BY "offset" LIMIT ?`;
    const rows = this.reader.few<EventRow>(sql, [afterOffset, JSON.stringify(types), limit]);
    return rows.map(([offset, id, type, key, occurredMs, traceparent, data]) => ({
      offset,
      id,
      type,
      key,
      occurredMs,
      traceparent: traceparent ?? undefined,
      data,
    }));
  }

  async count(types: readonly string[], afterOffset: number): Promise<number> {
    const sql = `SELECT count(*) FROM event_log WHERE "offset">? AND type IN (SELECT value FROM json_each(?))`;
    const [row] = await this.reader.many<readonly [number]>(sql, [afterOffset, JSON.stringify(types)]);
    return row?.[0] ?? 0;
  }

  async lastOffset(): Promise<number> {
    return this.newestOffset();
  }

  onAppended(listener: () => void): () => void {
    this.listeners.add(listener);
    if (this.safetyTimer === undefined) this.listenToOthers();
    return () => this.listeners.delete(listener);
  }

  async trim(offset: number, olderThanMs: number): Promise<void> {
    const occurredBeforeMs = Date.now() - olderThanMs;
    for (;;) {
      const removed = await this.writer.call({ kind: 'trim', offset, occurredBeforeMs, eventsMax: trimEventsMax });
      if (removed !== trimEventsMax) return;
    }
  }

  /** This process has committed events up to `offset`. */
  appended(offset: number): void {
    if (offset <= this.announcedOffset) return;
    this.announcedOffset = offset;
    for (const listener of [...this.listeners]) listener();
  }

  close(): void {
    this.listeners.clear();
    this.watcher?.close();
    clearInterval(this.safetyTimer);
  }

  private newestOffset(): number {
    const [row] = this.reader.few<readonly [number]>(`SELECT seq FROM sqlite_sequence WHERE name='event_log'`, []);
    return row?.[0] ?? 0;
  }

  private listenToOthers(): void {
    this.announcedOffset = this.newestOffset();
    const compare = () => this.appended(this.newestOffset());
    this.safetyTimer = setInterval(compare, safetyCheckMs).unref();
    try {
      this.watcher = fs.watch(this.signalFile, { persistent: false }, compare);
      this.watcher.on('error', (error) =>
        this.logger?.warn({ err: error }, 'watching the event log failed; events of other processes arrive late'),
      );
    } catch (error) {
      this.logger?.warn({ err: error }, 'the event log cannot be watched; events of other processes arrive late');
    }
  }
}
