import type { OutboxEvent } from '@tessera/documents/outbox.js';
import type { Admin, Kafka, Message, Producer } from 'kafkajs';
import { idempotentProducer } from './kafka-client.js';
import { recordOf } from './record.js';
import { ensureTopics, topicOf } from './topics.js';

/** Writes batches of events to their topics, one batch at a time. */
export class RecordWriter {
  private producer: Producer | undefined;
  private readonly knownTopics = new Set<string>();

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly installation: string,
  ) {}

  /** Resolves when all replicas in sync have all of it. */
  async write(events: readonly OutboxEvent[]): Promise<void> {
    const byTopic = new Map<string, Message[]>();
    for (const event of events) {
      const topic = topicOf(this.installation, event.type);
      const records = byTopic.get(topic);
      const record = recordOf(event, `/${this.installation}`);
      if (records === undefined) byTopic.set(topic, [record]);
      else records.push(record);
    }
    await this.ensure([...byTopic.keys()]);
    this.producer ??= await this.connect();
    try {
      await this.producer.sendBatch({ acks: -1, topicMessages: [...byTopic].map(([topic, messages]) => ({ topic, messages })) });
    } catch (error) {
      // After a failure it is unknown which sequence numbers the broker has seen: a new producer starts anew, and the batch is repeated.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const { producer } = this;
    this.producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }

  private async connect(): Promise<Producer> {
    const producer = idempotentProducer(this.kafka);
    await producer.connect();
    return producer;
  }

  /** The relay carries events of all services, also such as nobody here subscribes to. */
  private async ensure(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.knownTopics.has(topic));
    if (unknown.length === 0) return;
    await ensureTopics(this.admin, unknown);
    for (const topic of unknown) this.knownTopics.add(topic);
  }
}
