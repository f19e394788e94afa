import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAccountRequestSchema, ReserveRequestSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import {
  CancelPlanRequestSchema,
  ChangePlanRequestSchema,
  PutMemberRequestSchema,
  RemoveMemberRequestSchema,
  ReverseOperationRequestSchema,
  SetLimitsRequestSchema,
} from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import {
  ExportEntriesRequestSchema,
  GetBalanceAtRequestSchema,
  GetStatementRequestSchema,
  GetUsageRequestSchema,
} from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { lastValueFrom, toArray } from 'rxjs';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import type { AccountsController } from './accounts.controller.js';

const ids = (operationId: string) => ({ accountId: 'acme', operationId });

describe('the contract of accounts, reports and the catalogue', () => {
  let billing: TestBilling;
  let accounts: AccountsController;

  beforeEach(async () => {
    billing = await openBilling(undefined, new ManualClock(Date.UTC(2026, 0, 1)));
    accounts = billing.accountsController;
    await billing.controller.openAccount(create(OpenAccountRequestSchema, { accountId: 'acme', plan: 'team-starter', seats: 4 }));
  });

  afterEach(() => billing.close());

  const changePlan = (operationId: string, plan: string, seats = 0) =>
    accounts.changePlan(create(ChangePlanRequestSchema, { ...ids(operationId), plan, seats }));
  const reserve = (jobId: string, memberId = '') =>
    billing.controller.reserve(
      create(ReserveRequestSchema, {
        accountId: 'acme',
        jobId,
        compute: { spec: { case: 'image', value: { ...twoPictures, surcharges: [] } } },
        deadlineMs: BigInt(billing.clock.now() + hourMs),
        memberId,
        project: 'ads',
      }),
    );

  it('lists plans by their names, aliases and prices', () => {
    const { plans, packs } = billing.catalogueController.listPlans();
    expect(plans.find(({ plan }) => plan === 'maestro')).toMatchObject({
      priceCents: 6_000,
      seatTokens: 60_000n,
      seatBankTokens: 180_000n,
      aliases: ['pro', 'ultimate'],
      hasRelaxedLane: true,
      hasApi: true,
      motion: 'full',
      apiTrack: 'plan',
    });
    expect(packs.map(({ pack }) => pack)).toEqual(['small', 'medium', 'large', 'api-small', 'api-medium', 'api-large']);
  });

  it('opens a team with its seats, and pools their tokens', async () => {
    expect((await changePlan('back', 'team-starter', 3)).account).toMatchObject({
      balanceTokens: 100_000n,
      cycle: { seats: 4, allowanceTokens: 100_000n, bankCapTokens: 300_000n },
      nextPlan: { plan: 'team-starter', seats: 3, isCancellation: false },
    });
  });

  it('adds the share of an upgrade at once', async () => {
    billing.clock.advance((31 * 24 * hourMs) / 2);
    expect((await changePlan('up', 'team-starter', 6)).account).toMatchObject({ balanceTokens: 125_000n, cycle: { seats: 6 } });
  });

  it('says what a cancelled plan becomes, once for an operation', async () => {
    const first = await accounts.cancelPlan(create(CancelPlanRequestSchema, ids('end')));
    const again = await accounts.cancelPlan(create(CancelPlanRequestSchema, ids('end')));
    expect(first.account).toMatchObject({ plan: 'team-starter', nextPlan: { plan: 'free', isCancellation: true }, lastEntry: 2n });
    expect(again.account).toEqual(first.account);
  });

  it('sets and takes away limits; one that is not named stays', async () => {
    await accounts.setLimits(create(SetLimitsRequestSchema, { ...ids('a'), spendCap: { tokens: 20n }, lowBalance: { tokens: 5n } }));
    const { account } = await accounts.setLimits(create(SetLimitsRequestSchema, { ...ids('b'), spendCap: {} }));
    expect(account.limitsSet).toEqual({ lowBalanceTokens: 5n });
  });

  it("holds members to their caps and shows what they've used", async () => {
    await accounts.putMember(create(PutMemberRequestSchema, { ...ids('a'), memberId: 'ann', capTokens: 10n }));
    await reserve('one', 'ann');
    await expect(reserve('two', 'ann')).rejects.toMatchObject({ reason: 'member_cap_reached' });
    const { account } = await accounts.putMember(create(PutMemberRequestSchema, { ...ids('b'), memberId: 'ann' }));
    expect(account.members).toEqual([{ memberId: 'ann', usedTokens: 8n }]);
    expect((await accounts.removeMember(create(RemoveMemberRequestSchema, { ...ids('c'), memberId: 'ann' }))).account.members).toEqual([]);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty'])('lets a member be called %s', async (memberId) => {
    const put = await accounts.putMember(create(PutMemberRequestSchema, { ...ids('a'), memberId, capTokens: 10n }));
    expect(put.account.members).toEqual([{ memberId, capTokens: 10n, usedTokens: 0n }]);
    await reserve('one', memberId);
    await expect(reserve('two', memberId)).rejects.toMatchObject({ reason: 'member_cap_reached' });
    const { account } = await accounts.putMember(create(PutMemberRequestSchema, { ...ids('b'), memberId }));
    expect(account.members).toEqual([{ memberId, usedTokens: 8n }]);
  });

  it('reverses a charge and tells it in usage, statement, position and export', async () => {
    await reserve('one');
    await billing.reservations.settle('acme', 'one', 2);
    const { rows } = await billing.reportsController.getUsage(create(GetUsageRequestSchema, { accountId: 'acme', by: 'project' }));
    expect(rows).toEqual([{ key: 'ads', jobs: 1n, imagesDelivered: 2n, imagesAccepted: 0n, tokens: 8n }]);
    await accounts.reverseOperation(create(ReverseOperationRequestSchema, { accountId: 'acme', reversedOperationId: 'close:one' }));
    const { closing, lines } = await billing.reportsController.getStatement(create(GetStatementRequestSchema, { accountId: 'acme' }));
    expect(lines.map(({ kind, tokens }) => [kind, tokens])).toEqual([
      ['allowance', 100_000n],
      ['charged', -8n],
      ['refunded', 8n],
    ]);
    expect((await billing.reportsController.getBalanceAt(create(GetBalanceAtRequestSchema, { accountId: 'acme' }))).position).toEqual(
      closing,
    );
    const pieces = await lastValueFrom(
      billing.reportsController.exportEntries(create(ExportEntriesRequestSchema, { accountId: 'acme' })).pipe(toArray()),
    );
    expect(pieces.map(({ csv }) => csv).join('')).toMatch(/^sequence,.*\r\n1,.*\r\n(?:.*\r\n)+$/);
  });

  it.each([
    ['a plan that does not exist', () => changePlan('x', 'toString'), 'unknown_plan'],
    ['fewer seats than a team has', () => changePlan('x', 'team-growth', 2), 'invalid_field'],
    ['more seats than are sold', () => changePlan('x', 'artisan', 2), 'invalid_field'],
    ['an operation id with spaces', () => changePlan('a b', 'maestro'), 'invalid_id'],
    [
      'a plan for nobody',
      () => accounts.changePlan(create(ChangePlanRequestSchema, { accountId: 'nobody', operationId: 'x', plan: 'maestro' })),
      'unknown_account',
    ],
    [
      'a negative cap',
      () => accounts.setLimits(create(SetLimitsRequestSchema, { ...ids('x'), spendCap: { tokens: -1n } })),
      'invalid_amount',
    ],
    [
      'a cap beyond all numbers',
      () => accounts.setLimits(create(SetLimitsRequestSchema, { ...ids('x'), spendCap: { tokens: 2n ** 62n } })),
      'invalid_field',
    ],
    ['a member without a name', () => accounts.putMember(create(PutMemberRequestSchema, { ...ids('x'), memberId: '' })), 'invalid_id'],
    [
      'a member who is not there',
      () => accounts.removeMember(create(RemoveMemberRequestSchema, { ...ids('x'), memberId: 'eve' })),
      'unknown_member',
    ],
    [
      'the reversal of nothing',
      () => accounts.reverseOperation(create(ReverseOperationRequestSchema, { accountId: 'acme', reversedOperationId: 'close:none' })),
      'unknown_operation',
    ],
    [
      'the reversal of a grant',
      () => accounts.reverseOperation(create(ReverseOperationRequestSchema, { accountId: 'acme', reversedOperationId: 'open' })),
      'unknown_operation',
    ],
    [
      'a period before time',
      () => billing.reportsController.getUsage(create(GetUsageRequestSchema, { accountId: 'acme', by: 'job', period: { fromMs: -1n } })),
      'invalid_field',
    ],
    [
      'a balance after all time',
      () => billing.reportsController.getBalanceAt(create(GetBalanceAtRequestSchema, { accountId: 'acme', atMs: 2n ** 60n })),
      'invalid_field',
    ],
  ])('refuses %s, and nothing has changed', async (_, ask, reason) => {
    const before = await billing.accounts.get('acme');
    await expect(ask()).rejects.toMatchObject({ reason });
    expect(await billing.accounts.get('acme')).toEqual(before);
  });
});
