import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LowBalanceReachedSchema, SpendCapReachedSchema } from '@tessera/contracts/tessera/billing/v1/events_pb.js';
import { EventBus, type EventEnvelope } from '@tessera/events/event-bus.js';
import { subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { imageKind } from '../generations/image-jobs.js';
import { nameOfState } from '../generations/job-states.js';
import { Subscriptions } from './subscriptions.js';

/** What a webhook may subscribe to. */
export const subscribableTypes: readonly string[] = ['job.finished', 'account.low_balance', 'account.spend_cap'];

/** One cursor of its own: receivers that hold things up hold up nobody else. */
const group = 'gateway-webhooks';

/** Turns what the services tell each other into what an account's programs are told. No secrets and no links: a receiver that wants more asks with its key. */
@Injectable()
export class WebhookEvents implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly subscriptions: Subscriptions,
  ) {}

  onModuleInit(): void {
    subscribeToFinishedJobs(this.bus, group, ({ accountId, jobId, kind, state, unitsDelivered, failure, finishedMs }, envelope) =>
      this.#notify(accountId, 'job.finished', envelope, {
        generationId: jobId,
        state: nameOfState(state),
        kind,
        unitsDelivered,
        ...(kind === imageKind ? { imagesDelivered: unitsDelivered } : {}),
        ...(failure ? { failureReason: failure.reason, failureMessage: failure.message } : {}),
        finishedAt: timeOf(finishedMs),
      }),
    );
    this.bus.subscribe(LowBalanceReachedSchema, group, ({ accountId, wallet, balanceTokens, lowBalanceTokens, entry }, envelope) =>
      this.#notify(accountId, 'account.low_balance', envelope, {
        wallet: wallet || 'plan',
        balanceTokens: Number(balanceTokens),
        lowBalanceTokens: Number(lowBalanceTokens),
        entry: Number(entry),
      }),
    );
    this.bus.subscribe(SpendCapReachedSchema, group, ({ accountId, memberId, percent, usedTokens, capTokens, entry }, envelope) =>
      this.#notify(accountId, 'account.spend_cap', envelope, {
        ...(memberId ? { memberId } : {}),
        percent,
        usedTokens: Number(usedTokens),
        capTokens: Number(capTokens),
        entry: Number(entry),
      }),
    );
  }

  #notify(accountId: string, type: string, { id, occurredMs }: EventEnvelope, data: object): Promise<void> {
    return this.subscriptions.notify({ accountId, type, eventId: id, occurredMs, data });
  }
}

const timeOf = (ms: bigint): string => new Date(Number(ms)).toISOString();
