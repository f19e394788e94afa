import { setTimeout as pause } from 'node:timers/promises';
import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import type { Documents } from '@tessera/documents/documents.js';
import type { Outbox } from '@tessera/documents/outbox.js';
import { cancelled, internal } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Admin, Kafka } from 'kafkajs';
import { DeadLetters } from '../dead-letters.js';
import { Deliveries, type Handle, type Retry } from '../deliveries.js';
import { EventBus, type DeadLetter, type EventHandler } from '../event-bus.js';
import { relayed } from '../event-spans.js';
import { brokerError, connectionFailure } from './broker-failures.js';
import { KafkaGroup } from './kafka-group.js';
import { readLag } from './lag.js';
import { RecordWriter } from './record-writer.js';
import { checkInstallation, ensureTopics, topicOf } from './topics.js';

/** How often `drain` looks; only tests and orderly ends wait there. */
const lookEveryMs = 10;

export class KafkaEventBus extends EventBus {
  private readonly deliveries = new Map<string, Deliveries>();
  private readonly groups: KafkaGroup[] = [];
  private readonly deadLetterStore: DeadLetters;
  private readonly admin: Admin;
  private readonly writer: RecordWriter;
  private readonly stopping = new AbortController();
  private connected: Promise<void> | undefined;
  private stopRelay: (() => Promise<void>) | undefined;
  private state: 'new' | 'started' | 'stopped' = 'new';

  constructor(
    private readonly kafka: Kafka,
    private readonly brokers: readonly string[],
    private readonly outbox: Outbox,
    documents: Documents,
    private readonly logger: Logger,
    private readonly retry: Retry,
  ) {
    super();
    this.deadLetterStore = new DeadLetters(documents);
    this.admin = kafka.admin();
    this.writer = new RecordWriter(kafka, this.admin, outbox.installation);
  }

  subscribe<S extends DescMessage>(schema: S, group: string, handler: EventHandler<S>): void {
    if (this.state !== 'new')
      throw internal('subscribed_too_late', `${group} subscribes to ${schema.typeName} after the event bus was started.`);
    const deliveries = this.deliveries.get(group) ?? new Deliveries(group, this.deadLetterStore, this.retry, this.logger);
    this.deliveries.set(group, deliveries);
    if (deliveries.subscriptions.has(schema.typeName))
      throw internal('subscribed_twice', `${group} has a handler of ${schema.typeName} already.`);
    const handle: Handle = async (message: Message, envelope) => handler(message as MessageShape<S>, envelope);
    deliveries.subscriptions.set(schema.typeName, { schema, handle });
  }

  /** Throws FailedPrecondition `broker_refused` | `topic_missing` | `topic_unsuitable` | `invalid_installation`, Unavailable `broker_unavailable`. */
  async start(): Promise<void> {
    if (this.state !== 'new') return;
    this.state = 'started';
    const { installation } = this.outbox;
    checkInstallation(installation);
    await this.connect();
    const types = new Set([...this.deliveries.values()].flatMap(({ subscriptions }) => [...subscriptions.keys()]));
    await ensureTopics(
      this.admin,
      [...types].map((type) => topicOf(installation, type)),
    );
    this.stopRelay = this.outbox.relay((events) => relayed(events, (sent) => this.writer.write(sent)));
    for (const deliveries of this.deliveries.values())
      this.groups.push(new KafkaGroup(this.kafka, deliveries, this.groupId(deliveries.group), installation, this.logger));
    await Promise.all(this.groups.map((group) => group.start())).catch((error: unknown) => Promise.reject(brokerError(error)));
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.stopping.abort();
    await Promise.all([this.stopRelay?.(), ...this.groups.map((group) => group.stop())]);
    await this.writer.close();
    if (this.connected !== undefined) await this.admin.disconnect();
  }

  async drain(): Promise<void> {
    this.checkStarted();
    await this.outbox.handedOn(this.stopping.signal);
    const ends = new Map<KafkaGroup, Awaited<ReturnType<typeof readLag>>>();
    for (const group of this.groups) ends.set(group, await this.look(group));
    for (const [group, places] of ends) {
      for (const { topic, partition, end } of places) {
        // One place after the other: who waits for the slowest waits for all.
        while (!(await this.hasReached(group, topic, partition, end)))
          await pause(lookEveryMs, undefined, { signal: this.stopping.signal });
      }
    }
  }

  async deadLetters(group: string | undefined, limit: number): Promise<DeadLetter[]> {
    return this.deadLetterStore.list(group, limit);
  }

  async redrive(deadLetterId: string): Promise<void> {
    this.checkStarted();
    await this.deadLetterStore.redrive(deadLetterId, (group) => this.deliveries.get(group));
  }

  /** What waits in the outbox, and what lies in the topics behind each group's position. */
  async lag(): Promise<Record<string, number>> {
    await this.connect();
    const lagOf = async (deliveries: Deliveries): Promise<[string, number]> => {
      const group = this.groups.find((one) => one.deliveries === deliveries);
      const places = await this.look(group ?? deliveries);
      const waiting = await this.outbox.waiting([...deliveries.subscriptions.keys()]);
      return [deliveries.group, places.reduce((sum, { lag }) => sum + lag, waiting)];
    };
    return Object.fromEntries(await this.outbox.whileStill(() => Promise.all([...this.deliveries.values()].map(lagOf))));
  }

  private look(group: KafkaGroup | Deliveries): ReturnType<typeof readLag> {
    const deliveries = 'deliveries' in group ? group.deliveries : group;
    const topics = [...deliveries.subscriptions.keys()].map((type) => topicOf(this.outbox.installation, type));
    return readLag(this.admin, this.groupId(deliveries.group), topics, (place) =>
      'deliveries' in group ? group.progressOf(place) : undefined,
    ).catch((error: unknown) => Promise.reject(brokerError(error)));
  }

  private async hasReached(group: KafkaGroup, topic: string, partition: number, end: number): Promise<boolean> {
    const here = group.progressOf({ topic, partition });
    if (here !== undefined) return here.position >= end;
    const places = await this.look(group);
    return places.every((place) => place.topic !== topic || place.partition !== partition || place.position >= end);
  }

  private groupId(group: string): string {
    return `${this.outbox.installation}.${group}`;
  }

  private checkStarted(): void {
    if (this.state !== 'started') throw cancelled('bus_stopped', 'The event bus does not run.');
  }

  private connect(): Promise<void> {
    this.connected ??= this.askIn().catch((error: unknown) => {
      this.connected = undefined;
      throw connectionFailure(error, this.brokers);
    });
    return this.connected;
  }

  /** A connection alone proves little: a broker that requires a user accepts it, and closes it at the first request. */
  private async askIn(): Promise<void> {
    await this.admin.connect();
    await this.admin.describeCluster();
  }
}
