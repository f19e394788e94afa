import { describe, expect, it } from '@jest/globals';
import { TesseraError } from '@tessera/platform/errors.js';
import fc from 'fast-check';
import { emptyAccount, emptySums, type Account, type Entry, type Lot, type Posting, type Sums } from './account.js';
import { imageOf } from './store/account.documents.js';
import { replay } from '../audit/audit.js';
import { burnRank } from './buckets.js';
import type { Command } from './commands.js';
import { canonical } from './hash.js';
import { nextDue } from './ledger.js';
import {
  artisan,
  cancelling,
  changingTo,
  configuring,
  free,
  LedgerOnPaper,
  maestro,
  pausing,
  planTerms,
  releasing,
  reserving,
  resuming,
  settling,
  startMs,
  subscribing,
  toppingUp,
} from './ledger.fixture.js';

/** Years pass in a history: cycles end between almost any two commands, and at times the clock is set back. */
const dayMs = 86_400_000;
const stepMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 * dayMs }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 100 * dayMs }) },
  { weight: 1, arbitrary: fc.integer({ min: -2 * dayMs, max: 0 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, dayMs, 31 * dayMs) },
);

const team = planTerms('team', { seats: 4, seatsMin: 2, membersMax: 4, seatTokens: 30, seatBankTokens: 40 });
const once = planTerms('once', { cadence: 'once', seatTokens: 500, seatBankTokens: 1_000 });
const terms = fc.constantFrom(free, artisan, maestro, team, { ...team, seats: 2, membersMax: 2 }, once);
const jobId = fc.constantFrom(...Array.from({ length: 15 }, (_, n) => `job-${n}`));
const member = fc.constantFrom('ann', 'bob', 'cat');
const amount = fc.integer({ min: 0, max: 150 });

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(jobId, amount, fc.integer({ min: 1, max: 60 * dayMs }), fc.option(member))
      .map(
        ([job, tokens, deadlineMs, memberId]): Command =>
          ({ ...reserving(job, tokens, { nowMs: 0, deadlineMs }), ...(memberId === null ? {} : { memberId }) }) as Command,
      ),
  },
  { weight: 4, arbitrary: fc.tuple(jobId, amount).map(([job, tokens]) => settling(job, tokens, { nowMs: 0, finishedMs: 0 })) },
  { weight: 4, arbitrary: jobId.map((job) => releasing(job, { nowMs: 0 })) },
  { weight: 3, arbitrary: fc.tuple(fc.integer({ min: 0, max: 9 }), amount).map(([n, tokens]) => toppingUp(`order-${n}`, tokens, 0)) },
  { weight: 3, arbitrary: fc.tuple(terms, fc.integer({ min: 0, max: 30 })).map(([asked, n]) => changingTo(asked, 0, `change-${n}`)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => cancelling(0, `change-${n}`)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 30 }), fc.option(fc.integer({ min: 1, max: 120 * dayMs })))
      .map(([n, aheadMs]) => pausing(0, aheadMs ?? undefined, `change-${n}`)),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => resuming(0, `change-${n}`)) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 9 })
      .map((n): Command => ({ kind: 'reverse', reversedOperationId: `topup:order-${n}`, charged: [], nowMs: 0 })),
  },
  { weight: 1, arbitrary: jobId.map((job): Command => ({ kind: 'reverse', reversedOperationId: `close:${job}`, charged: [], nowMs: 0 })) },
  {
    weight: 2,
    arbitrary: fc.tuple(member, fc.option(amount)).map(([memberId, capTokens]) => configuring({ kind: 'member', memberId, capTokens }, 0)),
  },
  { weight: 1, arbitrary: member.map((memberId) => configuring({ kind: 'memberLeft', memberId }, 0)) },
  { weight: 1, arbitrary: fc.option(amount).map((spendCapTokens) => configuring({ kind: 'limits', spendCapTokens }, 0)) },
);

const history = fc.record({ opening: terms, steps: fc.array(fc.record({ stepMs, command: commands }), { minLength: 40, maxLength: 80 }) });

/** About sixty commands a history. */
const numRuns = process.env['TESSERA_NIGHTLY'] === '1' ? 17_000 : 170;

/** What the ledger should have in each lot that ever was, added up apart from it. */
type Model = { readonly lots: Map<string, Sums>; readonly totals: Sums; readonly operations: Set<string> };

function givenAt(command: Command, atMs: number, { entries }: LedgerOnPaper): Command {
  if (command.kind === 'reserve') return { ...command, nowMs: atMs, deadlineMs: atMs + command.deadlineMs };
  if (command.kind === 'settle') return { ...command, nowMs: atMs, finishedMs: startMs };
  if (command.kind === 'pause')
    return { ...command, nowMs: atMs, pause: command.pause.resumesMs === undefined ? {} : { resumesMs: atMs + command.pause.resumesMs } };
  if (command.kind !== 'reverse') return { ...command, nowMs: atMs };
  const settled = entries.find(({ operationId, kind }) => kind === 'settle' && operationId === command.reversedOperationId);
  return { ...command, charged: settled?.postings.filter(({ ledgerAccount }) => ledgerAccount === 'spent') ?? [], nowMs: atMs };
}

function addTo(sums: Sums, { ledgerAccount, tokens }: Posting): void {
  if (ledgerAccount === 'issued') sums.granted -= tokens;
  else if (ledgerAccount.startsWith('bucket:')) sums.balance += tokens;
  else sums[ledgerAccount as 'held' | 'spent' | 'expired'] += tokens;
}

const isSound = (sums: Sums): boolean =>
  sums.balance + sums.held + sums.spent + sums.expired === sums.granted && Math.min(...Object.values(sums)) >= 0;

/** Names of the claims that do not hold. An `expect` for each of the millions of claims would take most of the time. */
const broken = (claims: Record<string, boolean>): string[] => Object.keys(claims).filter((claim) => claims[claim] !== true);

function brokenBy(entry: Entry, model: Model): string[] {
  const isNew = !model.operations.has(entry.operationId);
  model.operations.add(entry.operationId);
  for (const posting of entry.postings) {
    const lot = model.lots.get(posting.lotId) ?? emptySums();
    model.lots.set(posting.lotId, lot);
    addTo(lot, posting);
    addTo(model.totals, posting);
  }
  return broken({
    'an operation has one effect': isNew,
    'an entry is balanced': entry.postings.reduce((sum, { tokens }) => sum + tokens, 0) === 0,
    'no lot loses tokens': entry.postings.every(({ lotId }) => isSound(model.lots.get(lotId) ?? emptySums())),
    'cycles go forward': entry.kind !== 'renewal' || (entry.subscription.renewsMs ?? Infinity) > entry.dueMs,
  });
}

const sums = ({ granted, balance, held, spent, expired }: Sums): string => [granted, balance, held, spent, expired].join();

function brokenIn(account: Account, model: Model, atMs: number): string[] {
  const left = [...model.lots].filter(([, { balance, held }]) => balance > 0 || held > 0).map(([lotId, of]) => `${lotId}:${sums(of)}`);
  const bank = account.lots.reduce((sum, { bucket, balance }) => (bucket === 'rollover' ? sum + balance : sum), 0);
  return broken({
    'the account is the sum of its entries': sums(account.totals) === sums(model.totals) && isSound(account.totals),
    'a lot is the sum of its entries':
      account.lots
        .map((lot) => `${lot.lotId}:${sums(lot)}`)
        .sort()
        .join() === left.sort().join(),
    'the bank keeps to its cap': bank <= (account.subscription?.bankCapTokens ?? 0),
    'nothing due is left undone': nextDue(account, atMs) === undefined,
    'usage is never negative': Math.min(account.usage.tokens, ...Object.values(account.usage.byMember)) >= 0,
  });
}

/** `lots` are what the command found: due entries in front of it have been made. */
function brokenByHold(hold: Entry, lots: readonly Lot[], account: Account): string[] {
  if (hold.kind !== 'hold') return [];
  const isPaid = account.subscription?.terms.isPaid ?? true;
  const live = lots.filter(
    ({ bucket, expiresMs }) => (isPaid || bucket !== 'rollover') && (expiresMs === undefined || expiresMs > hold.createdMs),
  );
  const available = live.reduce((sum, { balance }) => sum + balance, 0);
  let missing = hold.lane === 'relaxed' ? 0 : hold.quote.totalTokens;
  const expected = [...live]
    .sort((a, b) => burnRank(a.bucket) - burnRank(b.bucket))
    .flatMap(({ lotId, balance }) => {
      const taken = Math.min(balance, missing);
      missing -= taken;
      return taken > 0 ? [`${lotId}:${taken}`] : [];
    });
  const taken = hold.postings.flatMap(({ ledgerAccount, lotId, tokens }) => (ledgerAccount === 'held' ? [`${lotId}:${tokens}`] : []));
  return broken({
    'only what cannot be paid is relaxed': (hold.lane === 'relaxed') === available < hold.quote.totalTokens,
    'tokens burn in order': taken.join() === expected.join(),
    'the spend cap holds': account.usage.tokens <= (account.settings.spendCapTokens ?? Infinity),
  });
}

/** Performs one command; what it found, what it added and whether it was refused. */
function perform(ledger: LedgerOnPaper, command: Command): { due: Entry[]; made: Entry[]; lots: Lot[] } {
  const known = ledger.entries.length;
  const due = ledger.comeDue(command.nowMs);
  const lots = ledger.account.lots.map((lot) => ({ ...lot }));
  try {
    ledger.perform(command);
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    if (ledger.entries.length !== known + due.length) throw new Error('A refusal left a trace.', { cause: error });
  }
  return { due, made: ledger.entries.slice(known + due.length), lots };
}

describe('every life of an account', () => {
  it('keeps all invariants after every command, and is rebuilt and approved by the audit from its entries', () => {
    fc.assert(
      fc.property(history, ({ opening, steps }) => {
        const ledger = new LedgerOnPaper();
        const model: Model = { lots: new Map(), totals: emptySums(), operations: new Set() };
        let atMs = startMs;
        for (const { stepMs: byMs, command } of [{ stepMs: 0, command: subscribing(opening) }, ...steps]) {
          atMs += byMs;
          const { due, made, lots } = perform(ledger, givenAt(command, atMs, ledger));
          const found = [...due, ...made]
            .flatMap((entry) => brokenBy(entry, model))
            .concat(
              made.flatMap((entry) => brokenByHold(entry, lots, ledger.account)),
              brokenIn(ledger.account, model, atMs),
            );
          if (found.length > 0 || made.length > 1) expect({ found, made }).toEqual({ found: [], made: [] });
        }
        expect(canonical(imageOf(ledger.rebuilt()))).toBe(canonical(imageOf(ledger.account)));
        const audited = emptyAccount('acme');
        const findings = (JSON.parse(JSON.stringify(ledger.entries)) as Entry[]).flatMap((entry) => replay(audited, entry) ?? []);
        expect(findings).toEqual([]);
      }),
      { numRuns },
    );
  }, 3_600_000);
});
