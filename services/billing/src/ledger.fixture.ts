import { emptyAccount, type Account, type Entry } from './account.js';
import { twoPictures } from './billing.fixture.js';
import { earlierEffect, pastOperations, type Command } from './commands.js';
import { append, decide, dueEntries, evolve } from './ledger.js';
import type { Quote } from './quote.js';

/** The ledger alone, with its entries in a list: no store, no files. */
export class LedgerOnPaper {
  readonly account: Account = emptyAccount('acme');
  readonly entries: Entry[] = [];

  perform(command: Command): Entry {
    const { opening, closing } = pastOperations(command);
    const byOperation = (operationId: string | undefined) => this.entries.find((entry) => entry.operationId === operationId);
    const earlier = earlierEffect(command, { opening: byOperation(opening), closing: byOperation(closing) });
    if (earlier) return earlier;
    for (const due of dueEntries(this.account, command.nowMs)) this.entries.push(append(this.account, due));
    const entry = append(this.account, decide(this.account, command));
    this.entries.push(entry);
    return entry;
  }

  /** The account that the entries make when they come out of a store. */
  rebuilt(): Account {
    const account = emptyAccount('acme');
    for (const entry of JSON.parse(JSON.stringify(this.entries)) as Entry[]) evolve(account, entry);
    return account;
  }
}

export const startMs = Date.UTC(2026, 0, 1);

export const quoteOf = (tokens: number): Quote => ({ catalogueVersion: 'test', lines: [{ kind: 'compute', description: 'work', tokens }], totalTokens: tokens });

export type Grants = Extract<Command, { kind: 'open' }>['grants'];

export const opening = (...grants: Grants): Command => ({ kind: 'open', plan: 'owner', grants, nowMs: startMs });

export const reserving = (jobId: string, tokens: number, { nowMs = startMs, deadlineMs = startMs + 1_000_000_000 } = {}): Command => ({
  kind: 'reserve',
  jobId,
  compute: { ...twoPictures, images: 4 },
  quote: quoteOf(tokens),
  deadlineMs,
  lane: 'fast',
  nowMs,
});

export const settling = (jobId: string, tokens: number, { images = 4, nowMs = startMs, finishedMs = startMs } = {}): Command => ({
  kind: 'settle',
  jobId,
  imagesDelivered: images,
  chargedLines: quoteOf(tokens).lines,
  finishedMs,
  nowMs,
});

export const releasing = (jobId: string, { reason = 'failed', nowMs = startMs } = {}): Command => ({ kind: 'release', jobId, reason, nowMs });

export const toppingUp = (operationId: string, tokens: number, nowMs = startMs): Command => ({ kind: 'topUp', operationId, tokens, nowMs });
