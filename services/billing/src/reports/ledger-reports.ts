import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import {
  bucketBalances,
  emptyAccount,
  frozenTokens,
  spendableTokens,
  type Account,
  type BucketBalance,
  type Entry,
  type Posting,
  type Sums,
} from '../ledger/account.js';
import { csvHeader, csvOf } from './csv.js';
import { evolve } from '../ledger/evolve.js';
import { History, instantMsMax, type Period } from './history.js';
import { checkWhole } from '../input.js';

/** An account at an instant. `granted = balance + frozen + held + spent + expired`. */
export type Position = Readonly<Sums> & {
  readonly atMs: number;
  readonly lastEntry: number;
  readonly plan: string;
  readonly frozen: number;
  readonly buckets: readonly BucketBalance[];
};

export type StatementLineKind = 'allowance' | 'topup' | 'reversed' | 'charged' | 'refunded' | 'expired';
export type StatementLine = { readonly kind: StatementLineKind; readonly operations: number; readonly tokens: number };
export type Statement = { readonly opening: Position; readonly closing: Position; readonly lines: readonly StatementLine[] };

/** The account's ledgerReports, for its owner and the owner's accountant. */
@Injectable()
export class LedgerReports {
  constructor(
    private readonly history: History,
    private readonly clock: Clock,
  ) {}

  /** As it was at an instant, that instant included; 0: now. */
  async positionAt(accountId: string, atMs: number): Promise<Position> {
    checkWhole('at_ms', atMs, 0, instantMsMax);
    return positionOf(await this.history.accountBefore(accountId, atMs === 0 ? 0 : atMs + 1), atMs || this.clock.now());
  }

  /** What the account had, plus every line, is what it has. */
  async statement(accountId: string, period: Period): Promise<Statement> {
    const lines = new Map<StatementLineKind, { operations: number; tokens: number }>();
    const account = emptyAccount(accountId);
    let opening: Position | undefined;
    // In one pass: an entry that is made meanwhile is in all of it or in none.
    for await (const page of this.history.pages(accountId, { ...period, fromMs: 0 })) {
      for (const entry of page) {
        if (entry.createdMs >= period.fromMs) {
          opening ??= positionOf(account, period.fromMs);
          addLines(lines, entry);
        }
        evolve(account, entry);
      }
    }
    opening ??= positionOf(account, period.fromMs);
    const closing = positionOf(account, period.toMs || this.clock.now());
    return { opening, closing, lines: [...lines].map(([kind, line]) => ({ kind, ...line })) };
  }

  /** Whole rows; the first piece begins with the header. */
  async *csv(accountId: string, period: Period): AsyncIterable<string> {
    let header = csvHeader;
    for await (const page of this.history.pages(accountId, period)) {
      yield header + page.map(csvOf).join('');
      header = '';
    }
    if (header) yield header;
  }

  /** The next piece of one file. */
  async *parquet(accountId: string, period: Period): AsyncIterable<Uint8Array> {
    // Loaded where it is needed: few ever ask for such a file.
    const { parquetOf } = await import('./parquet.js');
    yield* parquetOf(this.history.pages(accountId, period));
  }
}

export function positionOf(account: Account, atMs: number): Position {
  const { totals, sequence, plan } = account;
  return {
    ...totals,
    balance: spendableTokens(account),
    frozen: frozenTokens(account),
    atMs,
    lastEntry: sequence,
    plan,
    buckets: bucketBalances(account),
  };
}

const sumOf = ({ postings }: Entry, isCounted: (name: Posting['ledgerAccount']) => boolean): number =>
  postings.reduce((sum, { ledgerAccount, tokens }) => (isCounted(ledgerAccount) ? sum + tokens : sum), 0);

/** One entry may bring tokens and let others expire. */
function addLines(lines: Map<StatementLineKind, { operations: number; tokens: number }>, entry: Entry): void {
  const expired = sumOf(entry, (name) => name === 'expired');
  const rest = sumOf(entry, (name) => name === 'held' || name.startsWith('bucket:')) + expired;
  const add = (kind: StatementLineKind | undefined, tokens: number) => {
    if (kind === undefined || tokens === 0) return;
    const line = lines.get(kind) ?? { operations: 0, tokens: 0 };
    lines.set(kind, { operations: line.operations + 1, tokens: line.tokens + tokens });
  };
  add(lineKindOf(entry, rest), rest);
  add('expired', -expired);
}

function lineKindOf({ kind }: Entry, tokens: number): StatementLineKind | undefined {
  switch (kind) {
    case 'grant':
    case 'renewal':
    case 'plan':
      return 'allowance';
    case 'topup':
      return 'topup';
    case 'settle':
      return 'charged';
    case 'reversal':
      return tokens < 0 ? 'reversed' : 'refunded';
    case 'hold':
    case 'release':
    case 'expire':
    case 'settings':
      return undefined;
  }
}
