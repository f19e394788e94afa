import { counter, distribution, gauge, latencyBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';

export const eventDelay = distribution({
  name: 'tessera_event_delay_seconds',
  help: "From an event's commit to the first attempt of a group's handler.",
  labelNames: ['group'],
  buckets: waitBuckets,
});

export const handlingDuration = distribution({
  name: 'tessera_event_handling_duration_seconds',
  help: 'Time of one attempt of a handler.',
  labelNames: ['group', 'outcome'],
  buckets: latencyBuckets,
});

export const outboxDelay = distribution({
  name: 'tessera_outbox_delay_seconds',
  help: "From an event's commit to the broker's word that it has it.",
  buckets: waitBuckets,
});

export const eventsGivenUp = counter({
  name: 'tessera_dead_letters_total',
  help: 'Events that were given up after their last attempt.',
  labelNames: ['group'],
});

/** Asked for at a scrape. */
export function observeDeadLetters(count: () => Promise<number>): void {
  gauge({ name: 'tessera_dead_letters_waiting', help: 'Events given up and not yet redriven, of all groups.' }, async (waiting) =>
    waiting.set(await count().catch(() => Number.NaN)),
  );
}
