import { emptyAccount, type Account, type Entry } from './account.js';
import { twoPictures } from '../billing.fixture.js';
import { earlierEffect, pastOperations, type Command } from './commands.js';
import { append, evolve } from './evolve.js';
import { catchUp, decide } from './ledger.js';
import type { Quote } from '../catalogue/quote.js';
import type { SettingsChange } from './settings.js';
import type { Terms } from './terms.js';

/** The ledger alone, with its entries in a list: no store, no files. */
export class LedgerOnPaper {
  readonly account: Account = emptyAccount('acme');
  readonly entries: Entry[] = [];

  perform(command: Command): Entry {
    const { opening, closing } = pastOperations(command);
    const byOperation = (operationId: string | undefined) => this.entries.find((entry) => entry.operationId === operationId);
    const earlier = earlierEffect(command, { opening: byOperation(opening), closing: byOperation(closing) });
    if (earlier) return earlier;
    this.comeDue(command.nowMs);
    const entry = append(this.account, decide(this.account, command));
    this.entries.push(entry);
    return entry;
  }

  /** Enters what has come due by then. */
  comeDue(nowMs: number): Entry[] {
    const due = catchUp(this.account, nowMs, Infinity);
    this.entries.push(...due);
    return due;
  }

  /** The account that the entries make when they come out of a store. */
  rebuilt(): Account {
    const account = emptyAccount('acme');
    for (const entry of JSON.parse(JSON.stringify(this.entries)) as Entry[]) evolve(account, entry);
    return account;
  }
}

export const startMs = Date.UTC(2026, 0, 1);

export const quoteOf = (tokens: number): Quote => ({
  catalogueVersion: 'test',
  lines: [{ kind: 'compute', description: 'work', tokens }],
  totalTokens: tokens,
});

export type Grants = Extract<Command, { kind: 'open' }>['grants'];

export const opening = (...grants: Grants): Command => ({ kind: 'open', plan: 'owner', grants, nowMs: startMs });

export const reserving = (jobId: string, tokens: number, { nowMs = startMs, deadlineMs = startMs + 1_000_000_000 } = {}): Command => ({
  kind: 'reserve',
  jobId,
  compute: { ...twoPictures, images: 4 },
  quote: quoteOf(tokens),
  deadlineMs,
  nowMs,
});

export const settling = (jobId: string, tokens: number, { units = 4, nowMs = startMs, finishedMs = startMs } = {}): Command => ({
  kind: 'settle',
  jobId,
  unitsDelivered: units,
  chargedLines: quoteOf(tokens).lines,
  finishedMs,
  nowMs,
});

export const releasing = (jobId: string, { reason = 'failed', nowMs = startMs } = {}): Command => ({
  kind: 'release',
  jobId,
  reason,
  nowMs,
});

export const toppingUp = (operationId: string, tokens: number, nowMs = startMs): Command => ({ kind: 'topUp', operationId, tokens, nowMs });

/** Terms of small plans: buckets run dry and banks fill up within a few commands. */
export const planTerms = (plan: string, change: Partial<Terms> = {}): Terms => ({
  plan,
  catalogueVersion: 'test',
  cadence: 'monthly',
  seats: 1,
  seatsMin: 1,
  membersMax: 3,
  seatTokens: 100,
  seatBankTokens: 300,
  isPaid: true,
  hasRelaxedLane: false,
  ...change,
});

export const free = planTerms('free', { cadence: 'daily', seatTokens: 15, seatBankTokens: 0, isPaid: false });
export const artisan = planTerms('artisan');
export const maestro = planTerms('maestro', { seatTokens: 240, seatBankTokens: 720, hasRelaxedLane: true });

export const subscribing = (terms: Terms, nowMs = startMs): Command => ({ kind: 'open', plan: terms.plan, grants: [], terms, nowMs });
export const changingTo = (terms: Terms, nowMs: number, operationId = `${terms.plan}-${nowMs}`): Command => ({
  kind: 'changePlan',
  operationId,
  terms,
  nowMs,
});
export const cancelling = (nowMs: number, operationId = `cancel-${nowMs}`): Command => ({
  kind: 'cancel',
  operationId,
  terms: free,
  nowMs,
});
export const pausing = (nowMs: number, resumesMs?: number, operationId = `pause-${nowMs}`): Command => ({
  kind: 'pause',
  operationId,
  terms: free,
  pause: resumesMs === undefined ? {} : { resumesMs },
  nowMs,
});
export const resuming = (nowMs: number, operationId = `resume-${nowMs}`): Command => ({ kind: 'resume', operationId, nowMs });
export const configuring = (change: SettingsChange, nowMs = startMs, operationId = JSON.stringify(change)): Command => ({
  kind: 'configure',
  operationId,
  change,
  nowMs,
});
