import { invalidField } from './errors.js';

/** What pays for a job: the plan's tokens, or API credits, which are bought and have prices of their own. They never mix. */
export const wallets = ['plan', 'credits'] as const;
export type Wallet = (typeof wallets)[number];

/** The plan of a wallet that has none: no allowance, no cycle, no renewal. */
export const creditsPlan = 'api-credits';

/** Not an id that anybody could open: ids with it are refused. */
const suffix = '.credits';

/** API credits are an account of the same ledger, with a chain of its own: whatever holds for tokens holds for them. */
export const ledgerIdOf = (accountId: string, wallet: Wallet): string => (wallet === 'credits' ? `${accountId}${suffix}` : accountId);

export const isCreditsAccount = (ledgerId: string): boolean => ledgerId.endsWith(suffix);

export const walletOf = (ledgerId: string): Wallet => (isCreditsAccount(ledgerId) ? 'credits' : 'plan');

/** Whose wallet it is. */
export const ownerOf = (ledgerId: string): string => (isCreditsAccount(ledgerId) ? ledgerId.slice(0, -suffix.length) : ledgerId);

/** As the wire names it; empty: the plan's. */
export function walletNamed(name: string): Wallet {
  if (name === '') return 'plan';
  const wallet = wallets.find((known) => known === name);
  if (!wallet) throw invalidField('wallet', `wallet must be one of ${wallets.join(', ')}.`);
  return wallet;
}
