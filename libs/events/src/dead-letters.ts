import type { Collection, Documents, Stored } from '@tessera/documents/documents.js';
import type { LoggedEvent } from '@tessera/documents/event-log.js';
import { failedPrecondition, notFound } from '@tessera/platform/errors.js';
import { derivedId } from '@tessera/platform/ids.js';
import type { DeadLetter } from './event-bus.js';
import { eventsGivenUp, observeDeadLetters } from './event-metrics.js';

/** Enough to see what went wrong; the log has the rest. */
const errorCharsMax = 2_000;

/** A dead letter keeps the whole event, since the log forgets it after a while. */
type DeadLetterDocument = Omit<DeadLetter, 'deadLetterId'> & {
  offset: number;
  occurredMs: number;
  traceparent?: string | undefined;
  dataBase64: string;
};

const messageOf = (error: unknown): string =>
  String((error as { message?: unknown } | undefined)?.message ?? error).slice(0, errorCharsMax);

type Redelivery = { readonly subscriptions: ReadonlyMap<string, unknown>; redeliver(event: LoggedEvent, attempt: number): Promise<void> };

export class DeadLetters {
  private readonly collection: Collection<DeadLetterDocument>;

  constructor(private readonly documents: Documents) {
    this.collection = documents.collection({
      name: 'events.dead_letters',
      version: 1,
      indexes: [
        { name: 'byGroup', fields: ['group', 'failedMs'] },
        { name: 'byTime', fields: ['failedMs'] },
      ],
    });
    observeDeadLetters(() => this.collection.count());
  }

  /** Idempotent by group and event: a crash right after it delivers the event again. */
  async add(group: string, event: LoggedEvent, attempts: number, error: unknown): Promise<void> {
    const { id, type, key, offset, occurredMs, traceparent, data } = event;
    const deadLetter = this.collection.insert(derivedId(group, id), {
      ...{ group, type, key, eventId: id, attempts, error: messageOf(error), failedMs: Date.now() },
      ...{ offset, occurredMs, traceparent, dataBase64: Buffer.from(data).toString('base64') },
    });
    await this.documents.commit([deadLetter]).catch((refusal: { reason?: string }) => {
      if (refusal.reason !== 'already_exists') throw refusal;
    });
    eventsGivenUp.inc({ group });
  }

  async list(group: string | undefined, limit: number): Promise<DeadLetter[]> {
    const { items } = await this.collection.find({
      ...(group === undefined ? {} : { where: { group } }),
      sort: [['failedMs', 'desc']],
      limit,
    });
    return items.map(({ id, value: { group: of, type, key, eventId, attempts, error, failedMs } }) => ({
      deadLetterId: id,
      group: of,
      type,
      key,
      eventId,
      attempts,
      error,
      failedMs,
    }));
  }

  /** Runs the handler of the dead letter's group once more; the dead letter is removed when it succeeds, and notes another attempt when it fails. */
  async redrive(deadLetterId: string, redeliveryOf: (group: string) => Redelivery | undefined): Promise<void> {
    const deadLetter = await this.get(deadLetterId);
    const { group, type, attempts } = deadLetter.value;
    const redelivery = redeliveryOf(group);
    if (!redelivery?.subscriptions.has(type)) throw failedPrecondition('no_handler', `Nobody here handles ${type} for ${group} any more.`);
    try {
      await redelivery.redeliver(this.eventOf(deadLetter), attempts + 1);
    } catch (error) {
      if ((error as { reason?: string }).reason === 'bus_stopped') throw error;
      await this.failedAgain(deadLetter, error);
      throw failedPrecondition('redrive_failed', `The handler has failed again: ${String((error as Error).message)}`, { cause: error });
    }
    await this.remove(deadLetter);
  }

  private async get(deadLetterId: string): Promise<Stored<DeadLetterDocument>> {
    const deadLetter = await this.collection.get(deadLetterId);
    if (deadLetter === undefined) throw notFound('unknown_dead_letter', `There is no dead letter ${deadLetterId}.`);
    return deadLetter;
  }

  private eventOf({ value: { eventId, type, key, offset, occurredMs, traceparent, dataBase64 } }: Stored<DeadLetterDocument>): LoggedEvent {
    return { id: eventId, type, key, offset, occurredMs, traceparent, data: Buffer.from(dataBase64, 'base64') };
  }

  /** That another process has removed it first is no failure. */
  private async remove(deadLetter: Stored<DeadLetterDocument>): Promise<void> {
    await this.update([this.collection.remove(deadLetter)]);
  }

  private async failedAgain(deadLetter: Stored<DeadLetterDocument>, error: unknown): Promise<void> {
    await this.update([
      this.collection.replace(deadLetter, {
        ...deadLetter.value,
        attempts: deadLetter.value.attempts + 1,
        error: messageOf(error),
        failedMs: Date.now(),
      }),
    ]);
  }

  private async update(writes: Parameters<Documents['commit']>[0]): Promise<void> {
    await this.documents.commit(writes).catch((refusal: { reason?: string }) => {
      if (refusal.reason !== 'revision_mismatch') throw refusal;
    });
  }
}
