import type { Collection, Documents, Stored } from '@tessera/documents/documents.js';
import type { LoggedEvent } from '@tessera/documents/event-log.js';
import { failedPrecondition, notFound } from '@tessera/platform/errors.js';
import { derivedId } from '@tessera/platform/ids.js';
import type { DeadLetter } from './event-bus.js';
import { eventsGivenUp, observeDeadLetters } from './event-metrics.js';

/** Enough to see what went wrong; the log has the rest. */
const errorCharsMax = 2_000;

/** A dead letter keeps the whole event, since the log forgets it after a while. */
type DeadLetterDocument = Omit<DeadLetter, 'deadLetterId'> & { offset: number; occurredMs: number; traceparent?: string | undefined; dataBase64: string };

const messageOf = (error: unknown): string => String((error as { message?: unknown } | undefined)?.message ?? error).slice(0, errorCharsMax);

type Redelivery = { readonly subscriptions: ReadonlyMap<string, unknown>; redeliver(event: LoggedEvent, attempt: number): Promise<void> };

export class DeadLetters {
  private readonly letters: Collection<DeadLetterDocument>;

  constructor(private readonly documents: Documents) {
    this.letters = documents.collection({ name: 'events.dead_letters', version: 1, indexes: [{ name: 'byGroup', fields: ['group', 'failedMs'] }, { name: 'byTime', fields: ['failedMs'] }] });
    observeDeadLetters(() => this.letters.count());
  }

  /** Idempotent by group and event: a crash right after it delivers the event again. */
  async add(group: string, event: LoggedEvent, attempts: number, error: unknown): Promise<void> {
    const { id, type, key, offset, occurredMs, traceparent, data } = event;
    const letter = this.letters.insert(derivedId(group, id), {
      ...{ group, type, key, eventId: id, attempts, error: messageOf(error), failedMs: Date.now() },
      ...{ offset, occurredMs, traceparent, dataBase64: Buffer.from(data).toString('base64') },
    });
    await this.documents.commit([letter]).catch((refusal: { reason?: string }) => {
      if (refusal.reason !== 'already_exists') throw refusal;
    });
    eventsGivenUp.inc({ group });
  }

  async list(group: string | undefined, limit: number): Promise<DeadLetter[]> {
    const { items } = await this.letters.find({ ...(group === undefined ? {} : { where: { group } }), sort: [['failedMs', 'desc']], limit });
    return items.map(({ id, value: { group: of, type, key, eventId, attempts, error, failedMs } }) => ({ deadLetterId: id, group: of, type, key, eventId, attempts, error, failedMs }));
  }

  /** Runs the handler of the letter's group once more; the letter goes when it succeeds, and notes another attempt when it fails. */
  async redrive(deadLetterId: string, redeliveryOf: (group: string) => Redelivery | undefined): Promise<void> {
    const letter = await this.get(deadLetterId);
    const { group, type, attempts } = letter.value;
    const redelivery = redeliveryOf(group);
    if (!redelivery?.subscriptions.has(type)) throw failedPrecondition('no_handler', `Nobody here handles ${type} for ${group} any more.`);
    try {
      await redelivery.redeliver(this.eventOf(letter), attempts + 1);
    } catch (error) {
      if ((error as { reason?: string }).reason === 'bus_stopped') throw error;
      await this.failedAgain(letter, error);
      throw failedPrecondition('redrive_failed', `The handler has failed again: ${String((error as Error).message)}`, { cause: error });
    }
    await this.remove(letter);
  }

  private async get(deadLetterId: string): Promise<Stored<DeadLetterDocument>> {
    const letter = await this.letters.get(deadLetterId);
    if (letter === undefined) throw notFound('unknown_dead_letter', `There is no dead letter ${deadLetterId}.`);
    return letter;
  }

  private eventOf({ value: { eventId, type, key, offset, occurredMs, traceparent, dataBase64 } }: Stored<DeadLetterDocument>): LoggedEvent {
    return { id: eventId, type, key, offset, occurredMs, traceparent, data: Buffer.from(dataBase64, 'base64') };
  }

  /** Whoever was first has removed it: that is as good. */
  private async remove(letter: Stored<DeadLetterDocument>): Promise<void> {
    await this.update([this.letters.remove(letter)]);
  }

  private async failedAgain(letter: Stored<DeadLetterDocument>, error: unknown): Promise<void> {
    await this.update([this.letters.replace(letter, { ...letter.value, attempts: letter.value.attempts + 1, error: messageOf(error), failedMs: Date.now() })]);
  }

  private async update(writes: Parameters<Documents['commit']>[0]): Promise<void> {
    await this.documents.commit(writes).catch((refusal: { reason?: string }) => {
      if (refusal.reason !== 'revision_mismatch') throw refusal;
    });
  }
}
