import type { Entitlements, PlanLimits } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { failedPrecondition, type TesseraError } from '@tessera/platform/errors.js';

/** What a plan may or may not include: the reason of the refusal, and what a person calls it. */
const capabilities = {
  api: { reason: 'plan_forbids_api', name: 'access by API' },
  characters: { reason: 'plan_forbids_characters', name: 'character references' },
  motion: { reason: 'plan_forbids_motion', name: 'motion' },
  training: { reason: 'plan_forbids_training', name: 'trainings' },
  private_pictures: { reason: 'plan_forbids_private_pictures', name: 'private pictures' },
} as const;

export type Capability = keyof typeof capabilities;

/** What an account's plan lets it do. 0 means unlimited. */
export type Allowances = {
  readonly requestsPerMinute: number;
  readonly concurrentJobsMax: number;
  readonly queuedJobsMax: number;
  readonly storedBytesMax: number;
  /** Kinds of work that may wait in the relaxed lane. */
  readonly relaxedKinds: ReadonlySet<string>;
  readonly planName: string;
  /** What it does not include, and the name of the cheapest plan that does. */
  readonly forbidden: ReadonlyMap<string, string>;
};

/** As billing answers it. A billing that says nothing of entitlements forbids nothing. */
export const allowancesOf = ({ limits, entitlements }: { readonly limits?: PlanLimits | undefined; readonly entitlements?: Entitlements | undefined }): Allowances => ({
  requestsPerMinute: limits?.requestsPerMinute ?? 0,
  concurrentJobsMax: limits?.concurrentJobs ?? 0,
  queuedJobsMax: limits?.queuedJobs ?? 0,
  storedBytesMax: Number(entitlements?.storedBytesMax ?? 0n),
  relaxedKinds: new Set(entitlements?.relaxedKinds),
  planName: entitlements?.planName ?? '',
  forbidden: new Map(entitlements?.forbidden.map(({ capability, planName }) => [capability, planName])),
});

type Included = Pick<Allowances, 'planName' | 'forbidden'>;

export const isAllowed = ({ forbidden }: Pick<Included, 'forbidden'>, capability: Capability): boolean => !forbidden.has(capability);

/**
 * The one gate: every route and every kind of job asks here what a plan includes. FailedPrecondition `plan_forbids_<capability>`.
 * `isOwner`: the installation's owner is asking, in whose way no plan stands when it comes to reaching the server.
 */
export function requireAllowed(allowances: Included, capability: Capability, { isOwner = false } = {}): void {
  if (isAllowed(allowances, capability) || (isOwner && capability === 'api')) return;
  throw planForbids(capability, allowances.planName, allowances.forbidden.get(capability) ?? '');
}

function planForbids(capability: Capability, plan: string, cheapest: string): TesseraError {
  const { reason, name } = capabilities[capability];
  return failedPrecondition(reason, `The plan ${plan} does not include ${name}; ${cheapest === '' ? 'no plan that is sold here does' : `${cheapest} is the cheapest that does`}.`);
}
