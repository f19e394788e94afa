import { RedriveAskedSchema } from '@tessera/contracts/tessera/operations/v1/events_pb.js';
import type { EventBus } from '@tessera/events/event-bus.js';
import type { Logger } from '@tessera/platform/logger.js';

/** Outcomes after which a repeat is no use: the dead letter is gone, another process has its handler, or the handler has failed again, which the dead letter now notes. */
const settled: ReadonlySet<string | undefined> = new Set(['unknown_dead_letter', 'no_handler', 'redrive_failed']);

/** A dead letter is delivered again where its handler lives: once for each process's bus. In a group of its own: it waits for a place among the handlers, so it must not take one. */
export function redriveWhenAsked(bus: EventBus, services: string, logger: Logger): void {
  bus.subscribe(RedriveAskedSchema, `${services}-operations`, async ({ deadLetterId, accountId }) => {
    try {
      await bus.redrive(deadLetterId);
      logger.info({ deadLetterId, accountId }, 'a dead letter was delivered again');
    } catch (error) {
      if (!settled.has((error as { reason?: string }).reason)) throw error;
    }
  });
}
