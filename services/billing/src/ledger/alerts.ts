import { LowBalanceReachedSchema, SpendCapReachedSchema } from '@tessera/contracts/tessera/billing/v1/events_pb.js';
import { outgoingEvent, type OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import { ownerOf, walletOf } from '../wallets.js';
import { spendableTokens, usedByMember, type Account } from './account.js';

/** Shares of a cap at which its owner is told: in time to do something, and when nothing goes any more. */
const capPercents = [80, 100] as const;

/** What alerts look at, before and after an entry. */
type Standing = { readonly spendable: number; readonly used: number; readonly usedByMember: Readonly<Record<string, number>> };

const standingOf = (account: Account): Standing => ({
  spendable: spendableTokens(account),
  used: account.usage.tokens,
  usedByMember: { ...account.usage.byMember },
});

/** Changes an account; the alerts that follow from it go to `events`, to be published in the change's own commit. What comes due together counts as one: a day's tokens expire, and the next day's are there. */
export function withAlerts<T>(account: Account, events: OutgoingEvent[], change: () => T): T {
  if (isQuiet(account)) return change();
  const before = standingOf(account);
  const result = change();
  events.push(...alertsOf(account, before, standingOf(account)));
  return result;
}

/** Nobody wants to be told anything: the usual case, and the hot one. */
const isQuiet = ({ settings }: Account): boolean =>
  settings.lowBalanceTokens === undefined &&
  settings.spendCapTokens === undefined &&
  settings.members.every(({ capTokens }) => capTokens === undefined);

function alertsOf({ accountId: ledgerId, settings, sequence }: Account, before: Standing, after: Standing): OutgoingEvent[] {
  const alerts: OutgoingEvent[] = [];
  const accountId = ownerOf(ledgerId);
  const { lowBalanceTokens, spendCapTokens, members } = settings;
  if (lowBalanceTokens !== undefined && before.spendable >= lowBalanceTokens && after.spendable < lowBalanceTokens) {
    alerts.push(
      outgoingEvent(LowBalanceReachedSchema, accountId, {
        accountId,
        balanceTokens: BigInt(after.spendable),
        lowBalanceTokens: BigInt(lowBalanceTokens),
        entry: BigInt(sequence),
        wallet: walletOf(ledgerId),
      }),
    );
  }
  const capReached = (memberId: string, capTokens: number | undefined, usedBefore: number, used: number) => {
    if (capTokens === undefined) return;
    const crossed = capPercents.filter(
      (percent) => isReached(usedBefore, capTokens, percent) !== isReached(used, capTokens, percent) && used > usedBefore,
    );
    for (const percent of crossed)
      alerts.push(
        outgoingEvent(SpendCapReachedSchema, accountId, {
          accountId,
          memberId,
          percent,
          usedTokens: BigInt(used),
          capTokens: BigInt(capTokens),
          entry: BigInt(sequence),
        }),
      );
  };
  capReached('', spendCapTokens, before.used, after.used);
  for (const { memberId, capTokens } of members)
    capReached(memberId, capTokens, usedByMember(before.usedByMember, memberId), usedByMember(after.usedByMember, memberId));
  return alerts;
}

/** Amounts stay below a trillion, so the products stay below 2^53. */
const isReached = (used: number, capTokens: number, percent: number): boolean => used * 100 >= capTokens * percent;
