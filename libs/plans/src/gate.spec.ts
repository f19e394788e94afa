import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AccountSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { allowancesOf, isAllowed, requireAllowed, type Capability } from './gate.js';

const everything: Capability[] = ['api', 'characters', 'motion', 'training', 'private_pictures'];
const narrow = allowancesOf(create(AccountSchema, { limits: { requestsPerMinute: 30, concurrentJobs: 1, queuedJobs: 10 }, entitlements: { planName: 'Free', forbidden: [{ capability: 'api', plan: 'artisan', planName: 'Artisan' }, { capability: 'training' }], relaxedKinds: ['image'], storedBytesMax: 5n } }));

describe('the gate', () => {
  it('knows the limits of a plan', () => {
    expect(narrow).toMatchObject({ requestsPerMinute: 30, concurrentJobsMax: 1, queuedJobsMax: 10, storedBytesMax: 5, relaxedKinds: new Set(['image']) });
  });

  it.each(everything)('forbids nothing, %s neither, where billing says nothing of it', (capability) => {
    const allowances = allowancesOf(create(AccountSchema));
    expect(isAllowed(allowances, capability)).toBe(true);
    requireAllowed(allowances, capability);
  });

  it('refuses what the plan does not include, in a sentence that names the plan which does', () => {
    expect(() => requireAllowed(narrow, 'api')).toThrow(expect.objectContaining({ kind: 'FailedPrecondition', httpStatus: 402, reason: 'plan_forbids_api', message: 'The plan Free does not include access by API; Artisan is the cheapest that does.' }));
  });

  it('says when no plan includes it', () => {
    expect(() => requireAllowed(narrow, 'training')).toThrow(expect.objectContaining({ reason: 'plan_forbids_training', message: 'The plan Free does not include trainings; no plan that is sold here does.' }));
  });

  it('lets through what the plan includes', () => {
    requireAllowed(narrow, 'motion');
    expect(everything.filter((capability) => isAllowed(narrow, capability))).toEqual(['characters', 'motion', 'private_pictures']);
  });

  it("never shuts the installation's owner out, and does not lend the owner's rights to what an account's plan lacks", () => {
    requireAllowed(narrow, 'api', { isOwner: true });
    expect(() => requireAllowed(narrow, 'training', { isOwner: true })).toThrow(expect.objectContaining({ reason: 'plan_forbids_training' }));
  });
});
