import { counter, distribution, gauge, latencyBuckets, sizeBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';

export const ledgerCommands = distribution({
  name: 'tessera_ledger_command_duration_seconds',
  help: 'From a command for an account to its durable entry, waiting for the commit before it included.',
  labelNames: ['kind', 'outcome'],
  buckets: latencyBuckets,
});

export const commandsPerCommit = distribution({
  name: 'tessera_ledger_commit_commands',
  help: 'Commands of one account that shared a commit.',
  buckets: sizeBuckets,
});

export const settlementDelay = distribution({
  name: 'tessera_settlement_delay_seconds',
  help: "From a job's end to the settlement or release of its hold.",
  buckets: waitBuckets,
});

export const settlementsRefused = counter({
  name: 'tessera_settlements_refused_total',
  help: 'Finished jobs that were not charged, for their hold was closed before.',
});

/** Asked for at a scrape, from the store: true for all processes together. */
export function observeHolds(count: () => Promise<number>, overdue: () => Promise<number>): void {
  gauge({ name: 'tessera_holds_open', help: 'Holds that are neither settled nor released.' }, async (holds) =>
    holds.set(await count().catch(() => Number.NaN)),
  );
  gauge({ name: 'tessera_holds_overdue', help: 'Open holds whose deadline has passed: nobody has closed them.' }, async (holds) =>
    holds.set(await overdue().catch(() => Number.NaN)),
  );
}
