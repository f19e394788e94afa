import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AccountSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { refusal } from '@tessera/platform/errors.js';
import { isReason } from '@tessera/platform/errors/reasons.js';
import { allowancesOf } from './allowances.js';
import { capabilities, capabilityOfKind, gate, isAllowed, requireAllowed, roles, type Role, type Thing } from './gate.js';

const narrow = allowancesOf(
  create(AccountSchema, {
    limits: { requestsPerMinute: 30, concurrentJobs: 1, queuedJobs: 10 },
    entitlements: {
      planName: 'Free',
      forbidden: [{ capability: 'api', plan: 'artisan', planName: 'Artisan' }, { capability: 'training' }],
      relaxedKinds: ['image'],
      storedBytesMax: 5n,
      datasetPicturesMax: 12,
    },
  }),
);

describe('the table of the gate', () => {
  it.each(Object.entries(gate))('refuses %s for reasons that the registry explains', (_thing, { reasons }) => {
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.filter((reason) => !isReason(reason))).toEqual([]);
  });
});

describe('what a plan includes', () => {
  it('is known with its limits', () => {
    expect(narrow).toMatchObject({
      requestsPerMinute: 30,
      concurrentJobsMax: 1,
      queuedJobsMax: 10,
      storedBytesMax: 5,
      datasetPicturesMax: 12,
      relaxedKinds: new Set(['image']),
    });
  });

  it.each(capabilities)('forbids nothing, %s neither, where billing says nothing of it', (capability) => {
    const allowances = allowancesOf(create(AccountSchema));
    expect(isAllowed(capability, allowances)).toBe(true);
    requireAllowed(capability, allowances);
  });

  it('is refused otherwise, in a sentence that names the plan which includes it', () => {
    expect(() => requireAllowed('api', narrow)).toThrow(
      expect.objectContaining({
        kind: 'FailedPrecondition',
        httpStatus: 402,
        reason: 'plan_forbids_api',
        message: 'The plan Free does not include access by API; Artisan is the cheapest that does.',
      }),
    );
  });

  it('says when no plan includes it', () => {
    expect(() => requireAllowed('training', narrow)).toThrow(
      expect.objectContaining({
        reason: 'plan_forbids_training',
        message: 'The plan Free does not include trainings; no plan that is sold here does.',
      }),
    );
  });

  it('lets through what the plan includes', () => {
    requireAllowed('motion', narrow);
    expect(capabilities.filter((capability) => isAllowed(capability, narrow))).toEqual(['characters', 'motion', 'private_pictures']);
  });

  it("never shuts the installation's owner out, and does not lend the owner's rights to what an account's plan lacks", () => {
    requireAllowed('api', { ...narrow, isOwner: true });
    expect(() => requireAllowed('training', { ...narrow, isOwner: true })).toThrow(
      expect.objectContaining({ reason: 'plan_forbids_training' }),
    );
  });

  it('is asked for kinds of work that a catalogue can forbid, and for no other', () => {
    expect(['image', 'motion', 'training', 'probe', 'api', 'constructor'].map(capabilityOfKind)).toEqual([
      undefined,
      'motion',
      'training',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('a key', () => {
  it.each<[Thing & ('write' | 'account' | 'installation'), Record<Role, string | undefined>]>([
    ['write', { reader: 'read_only_key', member: undefined, admin: undefined, owner: undefined }],
    ['account', { reader: 'read_only_key', member: 'member_key', admin: undefined, owner: undefined }],
    ['installation', { reader: 'read_only_key', member: 'member_key', admin: 'owner_only', owner: undefined }],
  ])('may do %s by its role', (thing, expected) => {
    const answers = roles.map((role) => [role, gate[thing].refusal({ role })?.reason]);
    expect(Object.fromEntries(answers)).toEqual(expected);
  });
});

describe('a limit', () => {
  const requests = (requestsPerMinute: number, used: number) => isAllowed('requests', { requestsPerMinute, used, retryAfterMs: 7 });
  const waiting = (concurrentJobsMax: number, queuedJobsMax: number, count: number, running: number) =>
    isAllowed('waiting_jobs', { concurrentJobsMax, queuedJobsMax, waiting: count, running, retryAfterMs: 7 });

  it('of requests lets in as many as the plan has, and says when the next may come', () => {
    expect([requests(2, 2), requests(2, 3), requests(0, 1_000_000)]).toEqual([true, false, true]);
    expect(() => requireAllowed('requests', { requestsPerMinute: 2, used: 3, retryAfterMs: 7 })).toThrow(
      expect.objectContaining({ reason: 'rate_limited', httpStatus: 429, retryAfterMs: 7 }),
    );
  });

  it('of waiting jobs comes on top of those that may run', () => {
    expect([
      waiting(1, 2, 1, 1),
      waiting(1, 2, 2, 1),
      waiting(1, 2, 3, 0),
      waiting(0, 2, 1, 50),
      waiting(0, 2, 2, 0),
      waiting(1, 0, 99, 99),
    ]).toEqual([true, false, false, true, false, true]);
    expect(() =>
      requireAllowed('waiting_jobs', { concurrentJobsMax: 1, queuedJobsMax: 2, waiting: 2, running: 1, retryAfterMs: 7 }),
    ).toThrow(expect.objectContaining({ reason: 'queue_full', retryAfterMs: 7 }));
  });
});

describe('the relaxed lane', () => {
  it('takes what tokens do not pay for where the plan lets its kind wait, else the job is refused for want of tokens', () => {
    const unpaid = () => refusal('insufficient_tokens', 'Not enough.');
    requireAllowed('relaxed_lane', { ...narrow, kind: 'image', unpaid });
    expect(() => requireAllowed('relaxed_lane', { ...narrow, kind: 'motion', unpaid })).toThrow(
      expect.objectContaining({ reason: 'insufficient_tokens' }),
    );
  });
});
