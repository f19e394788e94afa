import type { Entry } from './account.js';
import type { Command } from './commands.js';

/** The command that could have made an entry. */
export function commandOf(entry: Exclude<Entry, { kind: 'expire' | 'renewal' }>): Command | undefined {
  const nowMs = entry.createdMs;
  switch (entry.kind) {
    case 'grant':
      return {
        kind: 'open',
        plan: entry.plan,
        nowMs,
        ...(entry.utcOffsetMinutes === undefined ? {} : { utcOffsetMinutes: entry.utcOffsetMinutes }),
        ...(entry.subscription ? { grants: [], terms: entry.subscription.terms } : { grants: grantsOf(entry) }),
      };
    case 'topup': {
      const [lot] = entry.lots;
      return (
        lot && {
          kind: 'topUp',
          operationId: withoutPrefix(entry),
          tokens: lot.tokens,
          ...(entry.payment ? { payment: entry.payment } : {}),
          ...(entry.isForced ? { isForced: entry.isForced } : {}),
          nowMs,
        }
      );
    }
    case 'hold':
      // A clock that was set back lets an entry bear a later time than the one at which its deadline was judged.
      return { ...entry, kind: 'reserve', nowMs: Math.min(nowMs, entry.deadlineMs - 1) };
    case 'settle':
      return {
        kind: 'settle',
        jobId: entry.jobId,
        unitsDelivered: entry.imagesDelivered,
        chargedLines: entry.chargedLines,
        finishedMs: 0,
        nowMs,
      };
    case 'release':
      return { ...entry, nowMs };
    case 'plan': {
      const { terms, next } = entry.subscription;
      const operationId = withoutPrefix(entry);
      const { asked } = entry;
      if (asked.isResumption) return { kind: 'resume', operationId, ...(asked.isCollected ? { isCollected: true as const } : {}), nowMs };
      const { funding } = entry.subscription;
      if (asked.funding && funding) return { kind: 'fund', operationId, terms: funding.after, ...asked.funding, nowMs };
      const wanted = next && next.terms.plan === asked.plan && next.terms.seats === asked.seats ? next.terms : terms;
      if (asked.pause) return { kind: 'pause', operationId, terms: wanted, pause: asked.pause, nowMs };
      return { kind: asked.isCancellation ? 'cancel' : 'changePlan', operationId, terms: wanted, nowMs };
    }
    case 'settings':
      return { kind: 'configure', operationId: withoutPrefix(entry), change: entry.change, nowMs };
    case 'reversal': {
      const charged = entry.postings
        .filter(({ ledgerAccount }) => ledgerAccount === 'spent')
        .map((posting) => ({ ...posting, tokens: -posting.tokens }));
      const { reversedOperationId, part } = entry;
      return { kind: 'reverse', reversedOperationId, charged, ...(part ? { part } : {}), nowMs };
    }
    case 'freeze': {
      const { frozenOperationId, isFrozen } = entry;
      return { kind: 'freeze', operationId: withoutPrefix(entry), frozenOperationId, isFrozen, nowMs };
    }
  }
}

const withoutPrefix = ({ operationId }: Entry): string => operationId.slice(operationId.indexOf(':') + 1);

const grantsOf = ({ lots }: Extract<Entry, { kind: 'grant' }>) =>
  lots.map(({ bucket, tokens, expiresMs }) => ({ bucket, tokens, ...(expiresMs === undefined ? {} : { expiresMs }) }));
