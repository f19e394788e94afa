import { Injectable } from '@nestjs/common';
import { RedriveAskedSchema } from '@tessera/contracts/tessera/operations/v1/events_pb.js';
import { Documents } from '@tessera/documents/documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { EventBus, type DeadLetter } from '@tessera/events/event-bus.js';
import { notFound } from '@tessera/platform/errors.js';
import { Callers } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';

/** The port tells no more at once. */
const newestMax = 1000;

/** Events that a service has given up, of the whole installation: for its owner. */
@Injectable()
export class DeadLetterBox {
  constructor(
    private readonly bus: EventBus,
    private readonly documents: Documents,
    private readonly callers: Callers,
  ) {}

  /** Newest first; of one group or of all. */
  list(caller: Caller, group: string | undefined, limit: number): Promise<DeadLetter[]> {
    this.callers.requireOwner(caller);
    return this.bus.deadLetters(group, limit);
  }

  /** Durable when it returns: the service that has the handler is told by an event. */
  async redrive(caller: Caller, deadLetterId: string): Promise<void> {
    const deadLetters = await this.list(caller, undefined, newestMax);
    if (!deadLetters.some((letter) => letter.deadLetterId === deadLetterId))
      throw notFound('unknown_dead_letter', `There is no dead letter ${deadLetterId.slice(0, 80)} among the newest ${newestMax}.`);
    await this.documents.commit([], [outgoingEvent(RedriveAskedSchema, deadLetterId, { deadLetterId, accountId: caller.accountId })]);
  }
}
