import { describe, expect, it } from '@jest/globals';
import { failedPrecondition, receivedRefusal, refusal, type Reason } from '../errors.js';
import { errorKinds } from './kinds.js';
import { moneyReasons } from './money-reasons.js';
import { factsOf, isReason, reasonChapters } from './reasons.js';

const named = Object.values(reasonChapters).flatMap((entries) => Object.keys(entries));
const all = named.filter(isReason);

describe('the registry of reasons', () => {
  it('has each reason in one chapter only', () => {
    expect(named.filter((reason, at) => named.indexOf(reason) !== at)).toEqual([]);
  });

  it.each(all)('explains %s in a sentence, under a name that fits google.rpc', (reason) => {
    expect(reason).toMatch(/^[a-z][a-z0-9_]{1,62}$/);
    expect(factsOf(reason).explains).toMatch(/^[A-Z].*[.]$/);
  });

  it('says 402 of money and plans alone', () => {
    const paying = all.filter((reason) => factsOf(reason).http === 402);
    expect(Object.keys(moneyReasons)).toEqual(expect.arrayContaining(paying));
    expect(paying).toEqual(
      expect.arrayContaining([
        'insufficient_tokens',
        'insufficient_credits',
        'plan_forbids_topups',
        'spend_cap_reached',
        'member_cap_reached',
      ]),
    );
  });

  it.each<Reason>([
    'upload_missing',
    'nothing_to_resume',
    'job_ended',
    'job_closed',
    'too_many_keys',
    'too_many_webhooks',
    'plan_unchanged',
  ])('calls %s a matter of state', (reason) => {
    expect(failedPrecondition(reason as 'job_ended', 'No.')).toMatchObject({
      httpStatus: 409,
      grpcStatus: errorKinds.FailedPrecondition.grpc,
    });
  });

  it('tells a key that is used twice as gRPC does', () => {
    expect(refusal('idempotency_key_reused', 'No.')).toMatchObject({ kind: 'Conflict', httpStatus: 409, grpcStatus: 6, retryable: false });
  });
});

describe('a refusal of another release', () => {
  it('keeps a reason that this one does not know, and counts as the kind that came with it', () => {
    expect(receivedRefusal('NotFound', 'unknown_hologram', 'There is none.')).toMatchObject({
      kind: 'NotFound',
      reason: 'unknown_hologram',
      httpStatus: 404,
      grpcStatus: 5,
      retryable: false,
    });
  });

  it('is of the kind that this one knows its reason to be', () => {
    expect(receivedRefusal('FailedPrecondition', 'unknown_model', 'There is none.')).toMatchObject({
      kind: 'InvalidArgument',
      httpStatus: 400,
    });
  });
});
