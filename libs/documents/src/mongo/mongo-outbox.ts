import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import type mongoose from 'mongoose';
import { Outbox, type Deliver } from '../outbox.js';
import { storeError } from './mongo-errors.js';
import { outboxCollection } from './outbox-row.js';
import { OutboxRelay } from './outbox-relay.js';

/** How often `handedOn` looks; only tests and orderly ends wait there. */
const lookEveryMs = 10;

export class MongoOutbox extends Outbox {
  readonly installation: string;
  private readonly relays = new Map<OutboxRelay, Promise<void>>();

  constructor(
    private readonly connection: mongoose.Connection,
    private readonly logger: Logger | undefined,
  ) {
    super();
    this.installation = connection.name;
  }

  relay(deliver: Deliver): () => Promise<void> {
    const relay = new OutboxRelay(this.connection, newId(), deliver, this.logger);
    this.relays.set(relay, relay.run());
    return () => this.end(relay);
  }

  async waiting(types?: readonly string[]): Promise<number> {
    return outboxCollection(this.connection)
      .countDocuments(types === undefined ? {} : { type: { $in: [...types] } })
      .catch((error: unknown) => Promise.reject(storeError(error)));
  }

  async whileStill<T>(look: () => Promise<T>): Promise<T> {
    let run = look;
    for (const relay of this.relays.keys()) {
      const inner = run;
      run = () => relay.whileStill(inner);
    }
    return run();
  }

  async handedOn(signal: AbortSignal): Promise<void> {
    const rows = outboxCollection(this.connection);
    const [newest] = await rows.find().sort({ _id: -1 }).limit(1).toArray();
    if (newest === undefined) return;
    while ((await rows.findOne({ _id: { $lte: newest._id } }, { projection: { _id: 1 } })) !== null)
      await pause(lookEveryMs, undefined, { signal });
  }

  /** Before the connection goes: a relay that still runs gives its lease back, so that another one need not wait for its end. */
  async close(): Promise<void> {
    await Promise.all([...this.relays.keys()].map((relay) => this.end(relay)));
  }

  private async end(relay: OutboxRelay): Promise<void> {
    relay.stop();
    await this.relays.get(relay);
    this.relays.delete(relay);
  }
}
