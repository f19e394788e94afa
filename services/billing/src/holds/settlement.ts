import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { JobFinished } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { finalStateOf, type FinalState } from '@tessera/events/job-states.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { settlementDelay, settlementsRefused } from '../ledger/store/ledger-metrics.js';
import { Reservations } from './reservations.js';

/** Refusals that say that the hold was closed before, by a call or by its deadline: nothing is left to do. */
const closedBefore = new Set(['hold_already_settled', 'hold_released', 'hold_expired']);

/** A job of any kind that reached a final state and had a hold. `unitsDelivered` are what is of use, whatever the state. */
export type FinishedJob = {
  readonly accountId: string;
  readonly jobId: string;
  readonly state: FinalState;
  readonly unitsDelivered: number;
  readonly finishedMs: number;
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
    subscribeToFinishedJobs(this.bus, 'billing', (event) => this.finished(event));
  }

  async close(job: FinishedJob): Promise<void> {
    const { accountId, jobId, state, unitsDelivered, finishedMs } = job;
    try {
      if (state === 'succeeded') await this.reservations.settle(accountId, jobId, unitsDelivered, finishedMs);
      else await this.reservations.settleUnfinished(accountId, jobId, unitsDelivered, state, finishedMs);
      settlementDelay.observe(Math.max(0, Date.now() - finishedMs) / 1_000);
    } catch (error) {
      if (!(error instanceof TesseraError) || !closedBefore.has(error.reason)) throw error;
      settlementsRefused.inc();
      this.logger.warn({ accountId, jobId, reason: error.reason }, 'a finished job was not charged: its hold is closed');
    }
  }

  private async finished({ accountId, jobId, state, unitsDelivered, finishedMs, hasHold }: JobFinished): Promise<void> {
    // A state that is not known yet is no success.
    if (hasHold)
      await this.close({ accountId, jobId, state: finalStateOf(state) ?? 'failed', unitsDelivered, finishedMs: Number(finishedMs) });
  }
}
