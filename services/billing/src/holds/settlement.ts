import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { JobFinished } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { settlementDelay, settlementsRefused } from '../ledger/store/ledger-metrics.js';
import { Reservations } from './reservations.js';

/** Refusals that say that the hold was closed before, by a call or by its deadline: nothing is left to do. */
const closedBefore = new Set(['hold_already_settled', 'hold_released', 'hold_expired']);

const releaseReasons: Partial<Record<JobState, string>> = {
  [JobState.FAILED]: 'failed',
  [JobState.CANCELLED]: 'cancelled',
  [JobState.EXPIRED]: 'expired',
  [JobState.REJECTED]: 'rejected',
};

/** Closes the hold of every job that ends. Idempotent by job id, so it does not matter how often an event arrives. */
@Injectable()
export class Settlement implements OnModuleInit {
  constructor(
    private readonly reservations: Reservations,
    private readonly bus: EventBus,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    subscribeToFinishedJobs(this.bus, 'billing', (event) => this.jobFinished(event));
  }

  async jobFinished(event: JobFinished): Promise<void> {
    if (!event.hasHold) return;
    try {
      await this.close(event);
      settlementDelay.observe(Math.max(0, Date.now() - Number(event.finishedMs)) / 1_000);
    } catch (error) {
      if (!(error instanceof TesseraError) || !closedBefore.has(error.reason)) throw error;
      settlementsRefused.inc();
      this.logger.warn({ accountId: event.accountId, jobId: event.jobId, reason: error.reason }, 'a finished job was not charged: its hold is closed');
    }
  }

  private async close({ accountId, jobId, state, unitsDelivered, finishedMs }: JobFinished): Promise<void> {
    if (state === JobState.SUCCEEDED || unitsDelivered > 0) await this.reservations.settle(accountId, jobId, unitsDelivered, Number(finishedMs));
    else await this.reservations.release(accountId, jobId, releaseReasons[state] ?? 'failed');
  }
}
