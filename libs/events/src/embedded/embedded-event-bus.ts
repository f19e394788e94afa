import { setImmediate as turn } from 'node:timers/promises';
import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import type { Collection, Documents } from '@tessera/documents/documents.js';
import type { EventLog } from '@tessera/documents/event-log.js';
import { cancelled, internal } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { DeadLetters } from '../dead-letters.js';
import { Deliveries, type Handle, type Retry } from '../deliveries.js';
import { EventBus, type DeadLetter, type EventHandler } from '../event-bus.js';
import { ConsumerGroup } from './consumer-group.js';
import { Cursor, type CursorDocument } from './cursor.js';

/** One read holds the event loop for about a millisecond. */
const readEventsMax = 256;
const readRetryMs = 1_000;
/** What every group has handled stays this long, for a look back. */
const keptMs = 7 * 24 * 3_600_000;
const trimEveryMs = 3_600_000;
const groupsMax = 1000;

export class EmbeddedEventBus extends EventBus {
  private readonly groups = new Map<string, ConsumerGroup>();
  private readonly cursors: Collection<CursorDocument>;
  private readonly deadLetterStore: DeadLetters;
  private state: 'new' | 'started' | 'stopped' = 'new';
  private stopListening: (() => void) | undefined;
  private trimTimer: NodeJS.Timeout | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private reading: Promise<void> | undefined;
  private trimming: Promise<void> | undefined;
  private hasUnread = false;

  constructor(
    private readonly eventLog: EventLog,
    private readonly documents: Documents,
    private readonly logger: Logger,
    private readonly retry: Retry,
  ) {
    super();
    this.cursors = documents.collection<CursorDocument>({ name: 'events.cursors', version: 1, indexes: [] });
    this.deadLetterStore = new DeadLetters(documents);
  }

  subscribe<S extends DescMessage>(schema: S, group: string, handler: EventHandler<S>): void {
    if (this.state !== 'new')
      throw internal('subscribed_too_late', `${group} subscribes to ${schema.typeName} after the event bus was started.`);
    const { subscriptions } = this.groupOf(group).deliveries;
    if (subscriptions.has(schema.typeName)) throw internal('subscribed_twice', `${group} has a handler of ${schema.typeName} already.`);
    const handle: Handle = async (message: Message, envelope) => handler(message as MessageShape<S>, envelope);
    subscriptions.set(schema.typeName, { schema, handle });
  }

  async start(): Promise<void> {
    if (this.state !== 'new') return;
    this.state = 'started';
    await Promise.all([...this.groups.values()].map((group) => group.load()));
    this.stopListening = this.eventLog.onAppended(() => this.wake());
    this.trimTimer = setInterval(() => (this.trimming = this.trim()), trimEveryMs).unref();
    this.trimming = this.trim();
    this.wake();
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    this.stopListening?.();
    clearInterval(this.trimTimer);
    clearTimeout(this.retryTimer);
    const groups = [...this.groups.values()];
    // First of all: a read that is still under way must not keep the lanes open for the next event.
    const halted = groups.map((group) => group.halt());
    await Promise.all([this.reading, this.trimming, ...halted]);
    await Promise.all(groups.map((group) => group.stop()));
  }

  async drain(): Promise<void> {
    this.checkStarted();
    const newest = await this.eventLog.lastOffset();
    this.wake();
    await Promise.all([...this.groups.values()].map((group) => group.handledUpTo(newest)));
  }

  async deadLetters(group: string | undefined, limit: number): Promise<DeadLetter[]> {
    return this.deadLetterStore.list(group, limit);
  }

  async redrive(deadLetterId: string): Promise<void> {
    this.checkStarted();
    await this.deadLetterStore.redrive(deadLetterId, (group) => this.groups.get(group)?.deliveries);
  }

  async lag(): Promise<Record<string, number>> {
    const entries = [...this.groups.values()].map(async (group): Promise<[string, number]> => {
      const { readOffset, unhandledInHand, deliveries } = group;
      const from = this.state === 'new' ? ((await this.cursors.get(deliveries.group))?.value.offset ?? 0) : readOffset;
      return [deliveries.group, unhandledInHand + (await this.eventLog.count([...deliveries.subscriptions.keys()], from))];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  private checkStarted(): void {
    if (this.state !== 'started') throw cancelled('bus_stopped', 'The event bus does not run.');
  }

  private groupOf(name: string): ConsumerGroup {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const cursor = new Cursor(name, this.cursors, this.documents, this.logger);
    const group = new ConsumerGroup(new Deliveries(name, this.deadLetterStore, this.retry, this.logger), cursor, () => this.wake());
    this.groups.set(name, group);
    return group;
  }

  private wake(): void {
    this.hasUnread = true;
    if (this.state === 'started') this.reading ??= this.readLog();
  }

  private async readLog(): Promise<void> {
    try {
      while (this.hasUnread && this.state === 'started') {
        this.hasUnread = false;
        // A turn of the event loop between reads: a long backlog with quick handlers would otherwise starve everything else.
        while (this.state === 'started' && (await this.readBatch())) await turn();
      }
    } catch (error) {
      this.logger.error({ err: error }, 'the event log could not be read; will try again');
      this.retryTimer = setTimeout(() => this.wake(), readRetryMs).unref();
    } finally {
      this.reading = undefined;
    }
  }

  /** One read serves every group that has room: those further on skip what they know. Answers whether there may be more. */
  private async readBatch(): Promise<boolean> {
    const open = [...this.groups.values()].filter((group) => !group.isFull);
    if (open.length === 0) return false;
    const from = Math.min(...open.map(({ readOffset }) => readOffset));
    const newest = await this.eventLog.lastOffset();
    if (newest <= from) return false;
    const types = new Set(open.flatMap(({ deliveries }) => [...deliveries.subscriptions.keys()]));
    const events = await this.eventLog.read([...types], from, readEventsMax);
    const last = events.at(-1)?.offset ?? 0;
    // A short answer means that there was nothing else when `newest` was looked up.
    const scanned = events.length === readEventsMax ? last : Math.max(last, newest);
    for (const group of open) group.take(events, scanned);
    return true;
  }

  /** Cursors of all groups count, also of those in other processes. */
  private async trim(): Promise<void> {
    try {
      const { items } = await this.cursors.find({ limit: groupsMax });
      if (items.length > 0) await this.eventLog.trim(Math.min(...items.map(({ value }) => value.offset)), keptMs);
    } catch (error) {
      this.logger.warn({ err: error }, 'the event log could not be trimmed; will try again');
    }
  }
}
