import type { Account, GrantedLot, Posting } from './account.js';
import { invalidAmount, tooManyLots } from '../errors.js';

/** The most that one grant, top-up or job may move: a thousand of them still add up below 2^53. */
export const tokensMax = 1_000_000_000_000;
/** A reservation looks at every lot in the worst case, and the lots are rewritten with every commit. */
export const lotsMax = 1_000;
/** The most that anybody may have an account given; with as much again for renewals, no sum reaches 2^53. */
const grantedMax = 1_000_000_000_000_000;

/** New lots and the postings that fill them. */
export function granting(account: Account, lots: GrantedLot[]): { lots: GrantedLot[]; postings: Posting[] } {
  if (account.lots.length + lots.length > lotsMax) throw tooManyLots();
  if (lots.reduce((sum, { tokens }) => sum + tokens, account.totals.granted) > grantedMax)
    throw invalidAmount('tokens', 'The account would hold more tokens than it can count.');
  return granted(lots);
}

/** As `granting`, for what time alone brings: no cycle may fail to end because somebody bought too much before. */
export function granted(lots: GrantedLot[]): { lots: GrantedLot[]; postings: Posting[] } {
  for (const { tokens } of lots) checkTokens('tokens', tokens, 1);
  const postings = lots.flatMap(({ lotId, bucket, tokens }): Posting[] => [
    { ledgerAccount: 'issued', lotId, tokens: -tokens },
    { ledgerAccount: `bucket:${bucket}`, lotId, tokens },
  ]);
  return { lots, postings };
}

export function checkTokens(param: string, tokens: number, min: number): void {
  if (!Number.isSafeInteger(tokens) || tokens < min || tokens > tokensMax)
    throw invalidAmount(param, `${param} must be a whole number of tokens from ${min} to ${tokensMax.toLocaleString('en-US')}.`);
}
