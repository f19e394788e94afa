import { describe, expect, it } from '@jest/globals';
import { TesseraError } from '@tessera/platform/errors.js';
import fc from 'fast-check';
import { genesisHash, type Account, type Entry } from './account.js';
import { imageOf } from './store/account.documents.js';
import { burnOrder, burnRank } from './buckets.js';
import type { Command } from './commands.js';
import { canonical, entryHash } from './hash.js';
import { LedgerOnPaper, opening, releasing, reserving, settling, startMs, toppingUp, type Grants } from './ledger.fixture.js';

/** Few jobs and operations, so that repeats, reuse and late arrivals are common; small amounts, so that buckets run dry. */
const jobId = fc.constantFrom(...Array.from({ length: 12 }, (_, n) => `job-${n}`));
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 53) },
);
/** Mostly forwards, past expiries and deadlines, at times backwards. */
const stepMs = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: -50, max: 0 }) },
);

const grant: fc.Arbitrary<Grants[number]> = fc
  .tuple(fc.constantFrom(...burnOrder), fc.integer({ min: 1, max: 60 }), fc.option(fc.integer({ min: startMs, max: startMs + 2_000 })))
  .map(([bucket, tokens, expiresMs]) => ({ bucket, tokens, ...(expiresMs === null ? {} : { expiresMs }) }));
const grants: fc.Arbitrary<Grants> = fc.uniqueArray(grant, { selector: ({ bucket }) => bucket, minLength: 1, maxLength: 4 });

/** A command with its times counted from the moment at which it is given. */
type Step = { readonly stepMs: number; readonly command: Command };
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(jobId, amount, fc.integer({ min: -20, max: 400 }))
      .map(([job, tokens, deadlineMs]) => reserving(job, tokens, { nowMs: 0, deadlineMs })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(jobId, amount, fc.integer({ min: 1, max: 5 }))
      .map(([job, tokens, units]) => settling(job, tokens, { units, nowMs: 0, finishedMs: 0 })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(jobId, fc.constantFrom('failed', 'cancelled', 'hold_deadline'))
      .map(([job, reason]) => releasing(job, { reason, nowMs: 0 })),
  },
  { weight: 2, arbitrary: fc.tuple(fc.integer({ min: 0, max: 8 }), amount).map(([n, tokens]) => toppingUp(`order-${n}`, tokens, 0)) },
);

function givenAt(command: Command, atMs: number): Command {
  if (command.kind === 'reserve') return { ...command, nowMs: atMs, deadlineMs: atMs + command.deadlineMs };
  return command.kind === 'settle' ? { ...command, nowMs: atMs, finishedMs: atMs } : { ...command, nowMs: atMs };
}

type History = { readonly grants: Grants; readonly steps: Step[] };
const history: fc.Arbitrary<History> = fc.record({ grants, steps: fc.array(fc.record({ stepMs, command: commands }), { maxLength: 60 }) });

/** 10^4 commands and more; fast-check shrinks a failing history to the shortest that fails. */
const runs = { numRuns: 400 };

/** Plays a history and calls back after every command with what it added. */
function play({ grants: granted, steps }: History, check: (ledger: LedgerOnPaper, added: Entry[], before: Account) => void): LedgerOnPaper {
  const ledger = new LedgerOnPaper();
  let atMs = startMs;
  for (const { stepMs, command } of [{ stepMs: 0, command: opening(...granted) }, ...steps]) {
    atMs += stepMs;
    const before = ledger.rebuilt();
    const known = ledger.entries.length;
    try {
      ledger.perform(givenAt(command, atMs));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
    }
    check(ledger, ledger.entries.slice(known), before);
  }
  return ledger;
}

const tokensOf = (entries: readonly Entry[], account: (name: string) => boolean, lotId?: string) =>
  entries
    .flatMap(({ postings }) => postings)
    .reduce(
      (sum, posting) => (account(posting.ledgerAccount) && (lotId === undefined || posting.lotId === lotId) ? sum + posting.tokens : sum),
      0,
    );

describe('every history', () => {
  it('balances each entry, and each balance is the sum of its entries and never negative', () => {
    fc.assert(
      fc.property(history, (random) => {
        play(random, ({ account, entries }, added) => {
          for (const entry of added) expect(tokensOf([entry], () => true)).toBe(0);
          const sums = {
            granted: -tokensOf(entries, (name) => name === 'issued'),
            balance: tokensOf(entries, (name) => name.startsWith('bucket:')),
            held: tokensOf(entries, (name) => name === 'held'),
            spent: tokensOf(entries, (name) => name === 'spent'),
            expired: tokensOf(entries, (name) => name === 'expired'),
          };
          expect(account.totals).toEqual(sums);
          for (const lot of account.lots) {
            expect(lot.balance).toBe(tokensOf(entries, (name) => name === `bucket:${lot.bucket}`, lot.lotId));
            expect(lot.balance + lot.held + lot.spent + lot.expired).toBe(lot.granted);
            expect(Math.min(lot.granted, lot.balance, lot.held, lot.spent, lot.expired)).toBeGreaterThanOrEqual(0);
          }
        });
      }),
      runs,
    );
  });

  it('gives each operation at most one effect, and a refusal none', () => {
    fc.assert(
      fc.property(history, (random) => {
        play(random, ({ account, entries }, added, before) => {
          expect(new Set(entries.map(({ operationId }) => operationId)).size).toBe(entries.length);
          if (added.length === 0) expect(canonical(imageOf(account))).toBe(canonical(imageOf(before)));
        });
      }),
      runs,
    );
  });

  it('burns in order: nothing is taken from a bucket while an earlier one, or an older lot, could have paid', () => {
    fc.assert(
      fc.property(history, (random) => {
        play(random, (_, added, before) => {
          const hold = added.at(-1);
          if (hold?.kind !== 'hold') return;
          const left = before.lots.map((lot, age) => ({
            age,
            rank: burnRank(lot.bucket),
            isLive: lot.expiresMs === undefined || lot.expiresMs > hold.createdMs,
            taken: Math.abs(tokensOf([hold], (name) => name.startsWith('bucket:'), lot.lotId)),
            balance: lot.balance,
          }));
          for (const paying of left.filter(({ taken }) => taken > 0)) {
            expect(paying.isLive).toBe(true);
            const earlier = left.filter(
              ({ rank, age, isLive }) => isLive && (rank < paying.rank || (rank === paying.rank && age < paying.age)),
            );
            for (const lot of earlier) expect(lot.taken).toBe(lot.balance);
          }
        });
      }),
      runs,
    );
  });

  it('returns to each lot only what came from it, and nothing to an expired one', () => {
    fc.assert(
      fc.property(history, (random) => {
        play(random, ({ entries }, added, before) => {
          for (const entry of added) {
            if (entry.kind !== 'settle' && entry.kind !== 'release') continue;
            const hold = entries.find(({ operationId }) => operationId === `hold:${entry.jobId}`);
            for (const lotId of new Set(entry.postings.map((posting) => posting.lotId))) {
              expect(tokensOf([entry], () => true, lotId)).toBe(0);
              expect(-tokensOf([entry], (name) => name === 'held', lotId)).toBe(
                hold ? tokensOf([hold], (name) => name === 'held', lotId) : 0,
              );
              const lot = before.lots.find((candidate) => candidate.lotId === lotId);
              if (lot?.expiresMs !== undefined && lot.expiresMs <= entry.createdMs)
                expect(tokensOf([entry], (name) => name.startsWith('bucket:'), lotId)).toBe(0);
            }
          }
        });
      }),
      runs,
    );
  });

  it('never charges more than was held, nor a job twice', () => {
    fc.assert(
      fc.property(history, (random) => {
        const { entries, account } = play(random, () => {});
        for (const settled of entries.filter(({ kind }) => kind === 'settle')) {
          if (settled.kind !== 'settle') continue;
          const hold = entries.filter(({ operationId }) => operationId === `hold:${settled.jobId}`);
          expect(tokensOf([settled], (name) => name === 'spent')).toBeLessThanOrEqual(tokensOf(hold, (name) => name === 'held'));
        }
        expect(account.totals.held).toBe(
          [...account.holds.values()].reduce((sum, hold) => sum + tokensOf([hold], (name) => name === 'held'), 0),
        );
      }),
      runs,
    );
  });

  it('is rebuilt byte for byte from its entries, chained by their hashes', () => {
    fc.assert(
      fc.property(history, (random) => {
        const ledger = play(random, () => {});
        expect(canonical(imageOf(ledger.rebuilt()))).toBe(canonical(imageOf(ledger.account)));
        let previousHash = genesisHash;
        for (const { hash, ...entry } of JSON.parse(JSON.stringify(ledger.entries)) as Entry[]) {
          expect(entryHash(previousHash, entry)).toBe(hash);
          previousHash = hash;
        }
      }),
      runs,
    );
  });
});
