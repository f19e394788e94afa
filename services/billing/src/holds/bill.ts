import type { Entry, Lane } from '../ledger/account.js';
import type { Past } from '../ledger/commands.js';
import { ownerOf, walletOf, type Wallet } from '../wallets.js';
import { heldTokens } from '../ledger/evolve.js';
import { totalOf, type Quote, type QuoteLine } from '../catalogue/quote.js';

export type BillState = 'held' | 'settled' | 'released';

/** What one job cost. `heldTokens = chargedTokens + returnedTokens` once it is closed. */
export type Bill = {
  readonly jobId: string;
  readonly accountId: string;
  readonly state: BillState;
  readonly quote: Quote;
  readonly chargedLines: readonly QuoteLine[];
  readonly heldTokens: number;
  readonly chargedTokens: number;
  readonly returnedTokens: number;
  readonly lane: Lane;
  readonly wallet: Wallet;
};

const noQuote: Quote = { catalogueVersion: '', lines: [], totalTokens: 0 };

/** A bill is nowhere stored: a job's two entries say it all. Undefined when the job never came near the account. */
export function billOf({ opening, closing }: Past): Bill | undefined {
  if (opening?.kind === 'release') return neverHeld(opening);
  if (opening?.kind !== 'hold') return undefined;
  const { jobId, accountId, quote, lane } = opening;
  const held = heldTokens(opening);
  const chargedLines = closing?.kind === 'settle' ? closing.chargedLines : [];
  const chargedTokens = totalOf(chargedLines);
  const state = closing === undefined ? 'held' : closing.kind === 'settle' ? 'settled' : 'released';
  return {
    jobId,
    accountId: ownerOf(accountId),
    wallet: walletOf(accountId),
    state,
    quote,
    chargedLines,
    heldTokens: held,
    chargedTokens,
    returnedTokens: state === 'held' ? 0 : held - chargedTokens,
    lane,
  };
}

const neverHeld = ({ jobId, accountId }: Extract<Entry, { kind: 'release' }>): Bill => ({
  jobId,
  accountId: ownerOf(accountId),
  wallet: walletOf(accountId),
  state: 'released',
  quote: noQuote,
  chargedLines: [],
  heldTokens: 0,
  chargedTokens: 0,
  returnedTokens: 0,
  lane: 'fast',
});
