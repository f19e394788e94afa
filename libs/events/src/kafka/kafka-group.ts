import type { Logger } from '@tessera/platform/logger.js';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Deliveries } from '../deliveries.js';
import { groupConsumer } from './kafka-client.js';
import { PartitionProgress, type InHand } from './partition-progress.js';
import { eventOf } from './record.js';
import { topicOf } from './topics.js';

/** Taken but not handled; bounds memory while the handlers are slower than the log. */
const eventsInHandMax = 1024;
/** While there is no room the member still sends heartbeats and takes part in rebalances. */
const heartbeatEveryMs = 500;
/** Handled events are committed this late: a crash repeats at most those of this time. */
const commitDelayMs = 100;
/** Batches that are taken side by side; taking is quick, so this is only for when there is no room. */
const partitionsConsumedConcurrently = 8;
const commitRetryMs = 1_000;
/** After a failure that the client does not get over by itself. */
const restartDelayMs = 1_000;

type TopicPartition = { readonly topic: string; readonly partition: number };
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * One group in this process. A batch is taken, not awaited: its events go to the lanes, and offsets are committed behind unbroken runs of handled events. So a
 * failing event holds up neither its partition nor the fetches, and what is in flight is bounded.
 */
export class KafkaGroup {
  private readonly consumer: Consumer;
  private readonly typeByTopic: ReadonlyMap<string, string>;
  private partitions = new Map<string, PartitionProgress & TopicPartition>();
  private unhandled = 0;
  private isHalted = false;
  private whenBelowMax: (() => void)[] = [];
  private commitTimer: NodeJS.Timeout | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private committing: Promise<void> = Promise.resolve();
  private running: Promise<void> = Promise.resolve();

  constructor(
    kafka: Kafka,
    readonly deliveries: Deliveries,
    readonly groupId: string,
    installation: string,
    private readonly logger: Logger,
  ) {
    this.consumer = groupConsumer(kafka, groupId);
    this.typeByTopic = new Map([...deliveries.subscriptions.keys()].map((type) => [topicOf(installation, type), type]));
  }

  get topics(): string[] {
    return [...this.typeByTopic.keys()];
  }

  async start(): Promise<void> {
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events;
    this.consumer.on(GROUP_JOIN, ({ payload }) => this.assigned(payload.memberAssignment));
    this.consumer.on(REBALANCING, () => void this.commit());
    this.consumer.on(CRASH, ({ payload }) => {
      this.logger.warn({ err: payload.error, group: this.deliveries.group }, 'the consumer of an event group has failed; it starts again');
      if (!payload.restart) this.restartLater();
    });
    await this.run();
  }

  /** Where the group stands in a partition that this process holds and has taken something of: handled up to there, and so many behind it not. */
  progressOf(place: TopicPartition): { readonly next: number; readonly position: number; readonly unhandled: number } | undefined {
    const progress = this.partitions.get(keyOf(place));
    if (progress?.next === undefined || progress.position === undefined) return undefined;
    return { next: progress.next, position: progress.position, unhandled: progress.unhandled };
  }

  /** Starts no handler from here on, waits for those that run, commits, and leaves the group. */
  async stop(): Promise<void> {
    this.isHalted = true;
    this.wake();
    clearTimeout(this.restartTimer);
    try {
      this.consumer.pause(this.topics.map((topic) => ({ topic })));
    } catch {
      // It never ran, or is between two runs.
    }
    await this.deliveries.halt();
    clearTimeout(this.commitTimer);
    await this.committing;
    await this.commit();
    // In the middle of joining the client cannot be stopped: it would join, and run on.
    await this.running;
    await this.consumer.disconnect();
  }

  private async run(): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: this.topics, fromBeginning: true });
    // Not awaited: joining takes as long as the group needs to notice a member that died, and a service can serve meanwhile.
    this.running = this.consumer
      .run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently, eachBatch: (payload) => this.take(payload) })
      .catch(() => this.restartLater());
  }

  private restartLater(): void {
    if (this.isHalted) return;
    clearTimeout(this.restartTimer);
    this.restartTimer = setTimeout(() => void this.run().catch(() => this.restartLater()), restartDelayMs);
  }

  /** Keeps the progress of what stays ours; what is another member's now we drop, except for handlers that run already. */
  private assigned(assignment: Readonly<Record<string, readonly number[]>>): void {
    const held = new Map<string, PartitionProgress & TopicPartition>();
    for (const [topic, numbers] of Object.entries(assignment)) {
      for (const partition of numbers) {
        const key = keyOf({ topic, partition });
        held.set(key, this.partitions.get(key) ?? Object.assign(new PartitionProgress(), { topic, partition }));
      }
    }
    for (const [key, progress] of this.partitions) {
      if (held.has(key)) continue;
      progress.isHeld = false;
      this.unhandled -= progress.unhandled;
    }
    this.partitions = held;
    this.wake();
  }

  private async take({ batch, resolveOffset, heartbeat, isRunning }: EachBatchPayload): Promise<void> {
    const { topic, partition } = batch;
    const type = this.typeByTopic.get(topic) ?? topic;
    for (const message of batch.messages) {
      while (this.unhandled >= eventsInHandMax && !this.isHalted) {
        await this.belowMax();
        await heartbeat();
      }
      const progress = this.partitions.get(keyOf(batch));
      if (this.isHalted || !isRunning() || progress === undefined) return;
      const entry = progress.take(Number(message.offset));
      if (entry !== undefined) {
        this.unhandled++;
        this.deliveries.push({
          event: eventOf(type, partition, message),
          isWanted: () => progress.isHeld,
          onHandled: () => this.handled(progress, entry),
        });
      }
      resolveOffset(message.offset);
    }
  }

  private handled(progress: PartitionProgress, entry: InHand): void {
    progress.handled(entry);
    if (!progress.isHeld) return;
    this.unhandled--;
    if (this.unhandled < eventsInHandMax) this.wake();
    this.scheduleCommit(commitDelayMs);
  }

  private async belowMax(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.whenBelowMax.push(resolve);
      timer = setTimeout(resolve, heartbeatEveryMs);
    });
    clearTimeout(timer);
  }

  private wake(): void {
    for (const resolve of this.whenBelowMax.splice(0)) resolve();
  }

  private scheduleCommit(delayMs: number): void {
    this.commitTimer ??= setTimeout(() => {
      this.commitTimer = undefined;
      void this.commit();
    }, delayMs);
  }

  /** One at a time, so that an older commit never lands behind a newer one. */
  private commit(): Promise<void> {
    return (this.committing = this.committing.then(() => this.commitNow()));
  }

  private async commitNow(): Promise<void> {
    const moved = [...this.partitions.values()].flatMap((progress) =>
      progress.position === undefined || progress.position === progress.committed ? [] : [{ progress, position: progress.position }],
    );
    if (moved.length === 0) return;
    try {
      await this.consumer.commitOffsets(
        moved.map(({ progress: { topic, partition }, position }) => ({ topic, partition, offset: String(position) })),
      );
      for (const { progress, position } of moved) progress.committed = position;
    } catch (error) {
      // Nothing is lost: the next commit covers the same and more, or the events are delivered again.
      this.logger.debug({ err: error, group: this.deliveries.group }, 'offsets could not be committed');
      if (!this.isHalted) this.scheduleCommit(commitRetryMs);
    }
  }
}
