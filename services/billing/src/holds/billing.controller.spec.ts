import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AuditRequestSchema,
  BillState,
  type ComputeSpecSchema,
  GetBillRequestSchema,
  ListEntriesRequestSchema,
  OpenAccountRequestSchema,
  QuoteRequestSchema,
  ReleaseRequestSchema,
  ReserveRequestSchema,
  SettleRequestSchema,
  TopUpRequestSchema,
} from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { RpcCall } from '@tessera/rpc/streams.js';
import { lastValueFrom, toArray } from 'rxjs';
import type { BillingController } from './billing.controller.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

const picture = { ...twoPictures, surcharges: [...twoPictures.surcharges] };
const imageCompute = (change: Partial<typeof picture> = {}): MessageInitShape<typeof ComputeSpecSchema> => ({
  spec: { case: 'image', value: { ...picture, ...change } },
});
const compute = imageCompute();
const call: RpcCall = { cancelled: false, once: () => undefined };

describe('the billing contract', () => {
  let billing: TestBilling;
  let controller: BillingController;

  beforeEach(async () => {
    billing = await openBilling();
    controller = billing.controller;
    await controller.openAccount(create(OpenAccountRequestSchema, { accountId: 'acme', plan: 'owner' }));
  });

  afterEach(() => billing.close());

  const deadlineMs = () => BigInt(billing.clock.now() + hourMs);
  const reserveRequest = (
    change: { accountId?: string; jobId?: string; compute?: MessageInitShape<typeof ComputeSpecSchema>; deadlineMs?: bigint } = {},
  ) => create(ReserveRequestSchema, { accountId: 'acme', jobId: 'job', compute, deadlineMs: deadlineMs(), ...change });
  const bill = (jobId: string, waitMs = 0) =>
    controller.getBill(create(GetBillRequestSchema, { accountId: 'acme', jobId, waitMs }), undefined, call);

  it('opens the owner with a million tokens, 64 jobs at a time and no other limit', async () => {
    const { account } = await controller.openAccount(create(OpenAccountRequestSchema, { accountId: 'acme', plan: 'free' }));
    expect(account).toEqual({
      accountId: 'acme',
      utcOffsetMinutes: 0,
      plan: 'owner',
      balanceTokens: 1_000_000n,
      heldTokens: 0n,
      spentTokens: 0n,
      grantedTokens: 1_000_000n,
      buckets: [{ bucket: 'fast', balanceTokens: 1_000_000n, isFrozen: false }],
      frozenTokens: 0n,
      expiredTokens: 0n,
      cycle: expect.objectContaining({ allowanceTokens: 1_000_000n, usedTokens: 0n, seats: 1, hasRelaxedLane: false }),
      limitsSet: {},
      members: [],
      limits: { requestsPerMinute: 0, concurrentJobs: 64, queuedJobs: 0 },
      entitlements: { planName: 'Owner', forbidden: [], relaxedKinds: [], storedBytesMax: 0n, datasetPicturesMax: 0 },
      createdMs: BigInt(billing.clock.now()),
      openHolds: 0,
      lastEntry: 1n,
      renewsMs: 0n,
    });
  });

  it('quotes what it then holds and charges', async () => {
    const { quote } = await controller.quote(create(QuoteRequestSchema, { compute }));
    const reserved = await controller.reserve(reserveRequest());
    const settled = await controller.settle(create(SettleRequestSchema, { accountId: 'acme', jobId: 'job', unitsDelivered: 2 }));
    expect(reserved).toEqual({
      bill: expect.objectContaining({ state: BillState.HELD, quote, heldTokens: 8n, chargedTokens: 0n, returnedTokens: 0n, lane: 'fast' }),
      balanceTokens: 999_992n,
      limits: { requestsPerMinute: 0, concurrentJobs: 64, queuedJobs: 0 },
      entitlements: { planName: 'Owner', forbidden: [], relaxedKinds: [], storedBytesMax: 0n, datasetPicturesMax: 0 },
    });
    expect(settled.bill).toEqual(
      expect.objectContaining({
        state: BillState.SETTLED,
        chargedLines: quote.lines,
        heldTokens: 8n,
        chargedTokens: 8n,
        returnedTokens: 0n,
      }),
    );
  });

  it('writes a bill that adds up when only some pictures were delivered', async () => {
    await controller.reserve(reserveRequest());
    await controller.settle(create(SettleRequestSchema, { accountId: 'acme', jobId: 'job', unitsDelivered: 1 }));
    const { bill: written, balanceTokens } = await bill('job');
    expect(written).toEqual(expect.objectContaining({ heldTokens: 8n, chargedTokens: 4n, returnedTokens: 4n }));
    expect(written.chargedLines?.map(({ description }) => description)).toEqual([
      '1 image x 0.26 MP x 20 steps, mosaic-3d',
      'super-resolution, 1 x 0.26 MP',
    ]);
    expect(balanceTokens).toBe(999_996n);
  });

  it('answers a settlement that delivered nothing with a released bill, also when it is repeated', async () => {
    await controller.reserve(reserveRequest());
    const nothing = create(SettleRequestSchema, { accountId: 'acme', jobId: 'job', unitsDelivered: 0 });
    const first = await controller.settle(nothing);
    expect(first.bill).toEqual(expect.objectContaining({ state: BillState.RELEASED, returnedTokens: 8n }));
    expect(await controller.settle(nothing)).toEqual(first);
  });

  it('answers a repeated reservation with the first one', async () => {
    const first = await controller.reserve(reserveRequest());
    await controller.topUp(create(TopUpRequestSchema, { accountId: 'acme', operationId: 'order', tokens: 5n }));
    expect(await controller.reserve(reserveRequest({ deadlineMs: deadlineMs() + 1n }))).toEqual(first);
  });

  it('lets a bill wait for its hold to be closed', async () => {
    await controller.reserve(reserveRequest());
    const waiting = bill('job', 30_000);
    await controller.release(create(ReleaseRequestSchema, { accountId: 'acme', jobId: 'job', reason: 'cancelled' }));
    expect((await waiting).bill.state).toBe(BillState.RELEASED);
  });

  it('answers with an open bill when the caller stops waiting', async () => {
    await controller.reserve(reserveRequest());
    const leaving: RpcCall = { cancelled: true, once: () => undefined };
    const answer = await controller.getBill(
      create(GetBillRequestSchema, { accountId: 'acme', jobId: 'job', waitMs: 30_000 }),
      undefined,
      leaving,
    );
    expect(answer.bill.state).toBe(BillState.HELD);
  });

  it('keeps the bills of another account to itself', async () => {
    await controller.openAccount(create(OpenAccountRequestSchema, { accountId: 'other', plan: 'free' }));
    await controller.reserve(reserveRequest());
    await expect(controller.getBill(create(GetBillRequestSchema, { accountId: 'other', jobId: 'job' }), undefined, call)).rejects.toEqual(
      expect.objectContaining({ reason: 'unknown_bill' }),
    );
  });

  it('lists the entries page by page, newest first', async () => {
    await controller.reserve(reserveRequest());
    await controller.topUp(create(TopUpRequestSchema, { accountId: 'acme', operationId: 'order', tokens: 5n }));
    const first = await controller.listEntries(create(ListEntriesRequestSchema, { accountId: 'acme', pageSize: 2 }));
    const second = await controller.listEntries(
      create(ListEntriesRequestSchema, { accountId: 'acme', pageSize: 2, pageToken: first.nextPageToken }),
    );
    expect(
      [...first.entries, ...second.entries].map(({ sequence, kind, jobId, balanceAfterTokens }) => [
        sequence,
        kind,
        jobId,
        balanceAfterTokens,
      ]),
    ).toEqual([
      [3n, 'topup', '', 999_997n],
      [2n, 'hold', 'job', 999_992n],
      [1n, 'grant', '', 1_000_000n],
    ]);
    expect(second.nextPageToken).toBe('');
  });

  it('streams an audit that ends with its sums', async () => {
    await controller.reserve(reserveRequest());
    const messages = await lastValueFrom(billing.auditController.audit(create(AuditRequestSchema)).pipe(toArray()));
    expect(messages).toEqual([
      {
        result: {
          case: 'summary',
          value: {
            accounts: 1n,
            entries: 2n,
            openHolds: 1n,
            findings: 0n,
            grantedTokens: 1_000_000n,
            spentTokens: 0n,
            heldTokens: 8n,
            balanceTokens: 999_992n,
            expiredTokens: 0n,
            creditWallets: 0n,
            grantedCredits: 0n,
            spentCredits: 0n,
            heldCredits: 0n,
            balanceCredits: 0n,
          },
        },
      },
    ]);
  });

  const request = <S extends DescMessage>(schema: S, fields: MessageInitShape<S>) => create(schema, fields);
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'an account id that is a path',
      () => controller.openAccount(request(OpenAccountRequestSchema, { accountId: '../acme', plan: 'owner' })),
      'invalid_id',
    ],
    [
      'an account id with a colon',
      () => controller.openAccount(request(OpenAccountRequestSchema, { accountId: 'a:b', plan: 'owner' })),
      'invalid_id',
    ],
    ['no account id', () => controller.openAccount(request(OpenAccountRequestSchema, { plan: 'owner' })), 'invalid_id'],
    [
      'a plan that there is not',
      () => controller.openAccount(request(OpenAccountRequestSchema, { accountId: 'new', plan: 'gold' })),
      'unknown_plan',
    ],
    ['a quote for nothing', () => controller.quote(request(QuoteRequestSchema, {})), 'invalid_field'],
    ['a job id that is too long', () => controller.reserve(reserveRequest({ jobId: 'j'.repeat(65) })), 'invalid_id'],
    [
      'a reservation without a computation',
      () => controller.reserve(request(ReserveRequestSchema, { accountId: 'acme', jobId: 'job', deadlineMs: deadlineMs() })),
      'invalid_field',
    ],
    ['a computation that names no kind', () => controller.reserve(reserveRequest({ compute: {} })), 'invalid_field'],
    [
      'generic work without a word for it',
      () => controller.reserve(reserveRequest({ compute: { spec: { case: 'generic', value: { modelId: 'm', units: 1 } } } })),
      'invalid_id',
    ],
    [
      'generic work at a price beyond counting',
      () =>
        controller.reserve(
          reserveRequest({
            compute: { spec: { case: 'generic', value: { kind: 'probe', modelId: 'm', units: 1, milliTokensPerUnit: 1_000_001 } } },
          }),
        ),
      'invalid_field',
    ],
    ['a reservation for no image', () => controller.reserve(reserveRequest({ compute: imageCompute({ images: 0 }) })), 'invalid_field'],
    [
      'a reservation of gigantic size',
      () => controller.reserve(reserveRequest({ compute: imageCompute({ widthPx: 4_294_967_295 }) })),
      'invalid_field',
    ],
    ['a reservation without a deadline', () => controller.reserve(reserveRequest({ deadlineMs: 0n })), 'invalid_field'],
    ['a reservation for years', () => controller.reserve(reserveRequest({ deadlineMs: 1n << 52n })), 'invalid_field'],
    ['a deadline that no number holds', () => controller.reserve(reserveRequest({ deadlineMs: (1n << 63n) - 1n })), 'invalid_field'],
    ['a deadline that has passed', () => controller.reserve(reserveRequest({ deadlineMs: 1n })), 'deadline_passed'],
    ['a reservation of an account that there is not', () => controller.reserve(reserveRequest({ accountId: 'nobody' })), 'unknown_account'],
    [
      'a reservation that the account cannot pay',
      () => controller.reserve(reserveRequest({ compute: imageCompute({ widthPx: 16_384, heightPx: 16_384, steps: 1_000, images: 100 }) })),
      'insufficient_tokens',
    ],
    [
      'a settlement of more units than anybody orders',
      () => controller.settle(request(SettleRequestSchema, { accountId: 'acme', jobId: 'job', unitsDelivered: 4_000_000_000 })),
      'invalid_field',
    ],
    [
      'a settlement of a job without a hold',
      () => controller.settle(request(SettleRequestSchema, { accountId: 'acme', jobId: 'job', unitsDelivered: 1 })),
      'unknown_hold',
    ],
    [
      'a release without a reason',
      () => controller.release(request(ReleaseRequestSchema, { accountId: 'acme', jobId: 'job' })),
      'invalid_id',
    ],
    [
      'a top-up of nothing',
      () => controller.topUp(request(TopUpRequestSchema, { accountId: 'acme', operationId: 'order', tokens: 0n })),
      'invalid_amount',
    ],
    [
      'a negative top-up',
      () => controller.topUp(request(TopUpRequestSchema, { accountId: 'acme', operationId: 'order', tokens: -5n })),
      'invalid_amount',
    ],
    [
      'a top-up beyond counting',
      () => controller.topUp(request(TopUpRequestSchema, { accountId: 'acme', operationId: 'order', tokens: 1_000_000_000_001n })),
      'invalid_amount',
    ],
    [
      'a top-up without an operation id',
      () => controller.topUp(request(TopUpRequestSchema, { accountId: 'acme', tokens: 5n })),
      'invalid_id',
    ],
    ['a bill that waits too long', () => bill('job', 30_001), 'invalid_field'],
    ['a bill of a job that never was', () => bill('job'), 'unknown_bill'],
    [
      'a page that is too large',
      () => controller.listEntries(request(ListEntriesRequestSchema, { accountId: 'acme', pageSize: 501 })),
      'invalid_field',
    ],
  ])('refuses %s and changes nothing', async (_, attempt, reason) => {
    await expect(attempt()).rejects.toEqual(expect.objectContaining({ reason }));
    expect((await billing.store.summary('acme')).lastEntry).toBe(1);
  });
});
