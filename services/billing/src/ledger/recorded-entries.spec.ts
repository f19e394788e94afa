import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ComputeSpecSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { replay } from '../audit/audit.js';
import { PriceList } from '../catalogue/catalogue.js';
import { computeOf } from '../catalogue/compute.message.js';
import { quote } from '../catalogue/quote.js';
import { emptyAccount, type Entry } from './account.js';
import { artisan, LedgerOnPaper, startMs, subscribing } from './ledger.fixture.js';

/** Entries that version 0.1 wrote, when pictures were the only kind whose compute had fields of its own: a chain of holds, settlements and a return. */
const recorded = JSON.parse(readFileSync(new URL('./entries-0.1.fixture.json', import.meta.url), 'utf8')) as Entry[];
const catalogue = PriceList.bundled().version('2026-11-01');

describe('entries that an earlier release wrote', () => {
  it('follow from each other and from the rules as they are now', () => {
    const account = emptyAccount('acme');
    expect(recorded.map((entry) => replay(account, entry))).toEqual(recorded.map(() => undefined));
    expect(account.totals).toEqual({ granted: 1_000, balance: 863, held: 9, spent: 128, expired: 0 });
  });

  it('are settled by the units that they count', () => {
    const account = emptyAccount('acme');
    for (const entry of recorded) replay(account, entry);
    const hold = account.holds.get('open');
    expect(hold && quote(catalogue, hold.compute, 1).totalTokens).toBe(5);
  });

  describe('when they are written again', () => {
    const ledger = new LedgerOnPaper();
    const image = computeOfMessage({
      spec: {
        case: 'image',
        value: {
          modelId: 'mosaic-3d',
          widthPx: 512,
          heightPx: 512,
          steps: 20,
          images: 2,
          superResolution: true,
          surcharges: ['init_image'],
        },
      },
    });

    beforeAll(() => {
      ledger.perform(subscribing({ ...artisan, seatTokens: 1_000, seatBankTokens: 3_000 }));
      ledger.perform({
        kind: 'reserve',
        jobId: 'image',
        compute: image,
        quote: quote(catalogue, image),
        deadlineMs: startMs + 3_600_000,
        project: 'site',
        nowMs: startMs + 10,
      });
      ledger.perform({
        kind: 'settle',
        jobId: 'image',
        unitsDelivered: 2,
        chargedLines: quote(catalogue, image, 2).lines,
        finishedMs: startMs + 20,
        nowMs: startMs + 20,
      });
      ledger.perform({
        kind: 'reserve',
        jobId: 'half',
        compute: image,
        quote: quote(catalogue, image),
        deadlineMs: startMs + 3_600_000,
        nowMs: startMs + 10,
      });
      ledger.perform({
        kind: 'settle',
        jobId: 'half',
        unitsDelivered: 1,
        chargedLines: quote(catalogue, image, 1).lines,
        finishedMs: startMs + 20,
        nowMs: startMs + 20,
      });
    });

    it('have the same fields, the same prices and the same hashes', () => {
      expect(ledger.entries).toEqual(recorded.slice(0, 5));
      expect(ledger.entries[4]?.hash).toBe('9f5c23c059b09bcecac7bc58a29a6824333f3ee4434e8114aae48de61d17dfbf');
    });
  });
});

function computeOfMessage(compute: MessageInitShape<typeof ComputeSpecSchema>) {
  return computeOf(create(ComputeSpecSchema, compute));
}
