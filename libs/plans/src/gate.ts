import { failedPrecondition, permissionDenied, resourceExhausted, type Reason, type TesseraError } from '@tessera/platform/errors.js';

/** What a key may do, in rising order: each role includes the ones before it. */
export const roles = ['reader', 'member', 'admin', 'owner'] as const;
export type Role = (typeof roles)[number];

/** What a plan includes. */
export type OfPlan = {
  readonly planName: string;
  /** What it does not include, and the name of the cheapest plan that does. */
  readonly forbidden: ReadonlyMap<string, string>;
  /** The installation's owner is asking, in whose way no plan stands when it comes to reaching the server. */
  readonly isOwner?: boolean;
};
/** `unpaid`: the refusal of a job that tokens do not pay for and that may not wait in the relaxed lane either. */
export type OfLane = { readonly relaxedKinds: ReadonlySet<string>; readonly kind: string; readonly unpaid: () => TesseraError };
/** 0 is unlimited. `used` counts the request that asks. */
export type OfRequests = { readonly requestsPerMinute: number; readonly used: number; readonly retryAfterMs: number };
/** 0 is unlimited, in both. */
export type OfQueue = {
  readonly concurrentJobsMax: number;
  readonly queuedJobsMax: number;
  readonly waiting: number;
  readonly running: number;
  readonly retryAfterMs: number;
};
/** `brings`: how many the request would add; `has`: those that are there, or have a place. */
export type OfDataset = { readonly picturesMax: number; readonly has: number; readonly brings: number };
export type OfKey = { readonly role: Role };

/** What may be refused, and what decides it. */
type Facts = {
  readonly api: OfPlan;
  readonly characters: OfPlan;
  readonly motion: OfPlan;
  readonly training: OfPlan;
  readonly private_pictures: OfPlan;
  readonly topups: OfPlan;
  readonly relaxed_lane: OfLane;
  readonly requests: OfRequests;
  readonly waiting_jobs: OfQueue;
  readonly dataset_pictures: OfDataset;
  readonly write: OfKey;
  readonly account: OfKey;
  readonly installation: OfKey;
};
export type Thing = keyof Facts;

/** Where the answer comes from: the catalogue's `gates`, the terms or the limits of the account's plan, or the role of the key. */
type Source = 'gates' | 'terms' | 'limits' | 'role';
type Row<F> = { readonly from: Source; readonly reasons: readonly Reason[]; readonly refusal: (facts: F) => TesseraError | undefined };

/** Why a role is not enough: what it lacks itself, whatever was asked. */
const shortcomings: Readonly<Record<Exclude<Role, 'owner'>, () => TesseraError>> = {
  reader: () => permissionDenied('read_only_key', 'This API key may only read.'),
  member: () => permissionDenied('member_key', "This API key is a member's; the account is changed with a key of its own."),
  admin: () => permissionDenied('owner_only', "Only the installation's owner may do this."),
};

const ofPlan = (
  from: Source,
  thing: Thing,
  reason: Extract<Reason, `plan_forbids_${string}`>,
  name: string,
  { sparesOwner = false } = {},
): Row<OfPlan> => ({
  from,
  reasons: [reason],
  refusal: ({ planName, forbidden, isOwner }) => {
    const cheapest = forbidden.get(thing);
    if (cheapest === undefined || (sparesOwner && isOwner === true)) return undefined;
    return failedPrecondition(
      reason,
      `The plan ${planName} does not include ${name}; ${cheapest === '' ? 'no plan that is sold here does' : `${cheapest} is the cheapest that does`}.`,
    );
  },
});

const ofRole = (least: Role, reasons: readonly Reason[]): Row<OfKey> => ({
  from: 'role',
  reasons,
  refusal: ({ role }) => (role === 'owner' || roles.indexOf(role) >= roles.indexOf(least) ? undefined : shortcomings[role]()),
});

/** The one table of what a plan, a limit or a key may stand in the way of. */
export const gate: { readonly [T in Thing]: Row<Facts[T]> } = {
  api: ofPlan('gates', 'api', 'plan_forbids_api', 'access by API', { sparesOwner: true }),
  characters: ofPlan('gates', 'characters', 'plan_forbids_characters', 'character references'),
  motion: ofPlan('gates', 'motion', 'plan_forbids_motion', 'motion'),
  training: ofPlan('gates', 'training', 'plan_forbids_training', 'trainings'),
  private_pictures: ofPlan('gates', 'private_pictures', 'plan_forbids_private_pictures', 'private pictures'),
  topups: ofPlan('terms', 'topups', 'plan_forbids_topups', 'token packs'),
  relaxed_lane: {
    from: 'terms',
    reasons: ['insufficient_tokens', 'insufficient_credits'],
    refusal: ({ relaxedKinds, kind, unpaid }) => (relaxedKinds.has(kind) ? undefined : unpaid()),
  },
  requests: {
    from: 'limits',
    reasons: ['rate_limited'],
    refusal: ({ requestsPerMinute, used, retryAfterMs }) =>
      requestsPerMinute > 0 && used > requestsPerMinute
        ? resourceExhausted('rate_limited', `Your plan allows ${requestsPerMinute} requests a minute.`, { retryAfterMs })
        : undefined,
  },
  waiting_jobs: {
    from: 'limits',
    reasons: ['queue_full'],
    refusal: ({ concurrentJobsMax, queuedJobsMax, waiting, running, retryAfterMs }) => {
      // What an account may run is not waiting in the sense of its plan, even before a worker has begun it.
      const isFull = concurrentJobsMax === 0 ? waiting >= queuedJobsMax : waiting + running >= concurrentJobsMax + queuedJobsMax;
      return queuedJobsMax > 0 && isFull
        ? resourceExhausted('queue_full', `This account already has ${waiting} jobs waiting; its plan allows ${queuedJobsMax}.`, {
            retryAfterMs,
          })
        : undefined;
    },
  },
  dataset_pictures: {
    from: 'limits',
    reasons: ['dataset_full'],
    refusal: ({ picturesMax, has, brings }) =>
      has + brings > picturesMax
        ? failedPrecondition(
            'dataset_full',
            `The dataset has ${has} of ${picturesMax} pictures, and ${brings === 1 ? 'one more does' : `${brings} more do`} not fit. Nothing was added.`,
            { param: 'dataset_id' },
          )
        : undefined,
  },
  write: ofRole('member', ['read_only_key']),
  account: ofRole('admin', ['read_only_key', 'member_key']),
  installation: ofRole('owner', ['read_only_key', 'member_key', 'owner_only']),
};

/** The one gate: every route and every kind of job asks here. Throws the refusal that the row of the thing has. */
export function requireAllowed<T extends Thing>(thing: T, facts: Facts[T]): void {
  const refused = gate[thing].refusal(facts);
  if (refused) throw refused;
}

export const isAllowed = <T extends Thing>(thing: T, facts: Facts[T]): boolean => gate[thing].refusal(facts) === undefined;

/** What a catalogue's `gates` may forbid to a plan. */
export const capabilities = ['api', 'characters', 'motion', 'training', 'private_pictures'] as const satisfies readonly Thing[];
export type Capability = (typeof capabilities)[number];

/** What a plan must include for a job of this kind; undefined: nothing, as pictures are what every plan is for. */
export const capabilityOfKind = (kind: string): 'motion' | 'training' | undefined =>
  kind === 'motion' || kind === 'training' ? kind : undefined;
