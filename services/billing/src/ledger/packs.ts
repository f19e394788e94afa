import { requireAllowed } from '@tessera/plans/gate.js';
import type { Account, EntryDraft, Posting } from './account.js';
import { freezeOperation, lotsOf, reversalOperation, topUpOperation, type Command } from './commands.js';
import { nothingToReverse } from '../errors.js';
import { granting } from './granting.js';

export function topUp(
  account: Account,
  { operationId: askedId, tokens, names, payment, isForced, nowMs }: Extract<Command, { kind: 'topUp' }>,
): EntryDraft {
  const { subscription } = account;
  if (subscription && !isForced)
    requireAllowed('topups', {
      planName: names?.plan ?? subscription.terms.plan,
      forbidden: new Map(subscription.terms.isPaid ? [] : [['topups', names?.withPacks ?? '']]),
    });
  const operationId = topUpOperation(askedId);
  return {
    kind: 'topup',
    operationId,
    createdMs: nowMs,
    ...(payment ? { payment } : {}),
    ...(isForced ? { isForced } : {}),
    ...granting(account, lotsOf(operationId, [{ bucket: 'topup', tokens }])),
  };
}

/** A reversed pack gives up what nobody has spent of it; a reversed charge comes back as a lot that does not expire. */
export function reverse(
  account: Account,
  { reversedOperationId, charged, part, nowMs }: Extract<Command, { kind: 'reverse' }>,
): EntryDraft {
  const operationId = reversalOperation(reversedOperationId, part);
  const draft = { kind: 'reversal', operationId, reversedOperationId, ...(part ? { part } : {}), createdMs: nowMs } as const;
  if (charged.length > 0) {
    const tokens = charged.reduce((sum, posting) => sum + posting.tokens, 0);
    const { lots, postings } = granting(account, lotsOf(operationId, [{ bucket: 'topup', tokens }]));
    const taken = charged.flatMap(({ lotId, tokens: spent }): Posting[] => [
      { ledgerAccount: 'spent', lotId, tokens: -spent },
      { ledgerAccount: 'issued', lotId, tokens: spent },
    ]);
    return { ...draft, lots, postings: [...taken, ...postings] };
  }
  const lot = account.lots.find(({ lotId, bucket }) => lotId === reversedOperationId && bucket === 'topup');
  const taken = Math.min(lot?.balance ?? 0, part?.tokens ?? Infinity);
  if (!lot || (taken === 0 && !(part && lot.held > 0))) throw nothingToReverse(reversedOperationId);
  const postings: Posting[] = [
    { ledgerAccount: 'bucket:topup', lotId: lot.lotId, tokens: -taken },
    { ledgerAccount: 'issued', lotId: lot.lotId, tokens: taken },
  ];
  return { ...draft, lots: [], postings: taken === 0 ? [] : postings };
}

/** What is left of a pack, and what jobs return to it, lies still while its payment is disputed. */
export function freeze(
  account: Account,
  { operationId: askedId, frozenOperationId, isFrozen, nowMs }: Extract<Command, { kind: 'freeze' }>,
): EntryDraft {
  if (!account.lots.some(({ lotId }) => lotId === frozenOperationId)) throw nothingToReverse(frozenOperationId);
  return { kind: 'freeze', operationId: freezeOperation(askedId, isFrozen), frozenOperationId, isFrozen, postings: [], createdMs: nowMs };
}
