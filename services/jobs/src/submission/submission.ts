import { toJson } from '@bufbuild/protobuf';
import { ComputeSpecSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { SubmitRequest } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { GpuTime } from '@tessera/jobs/gpu-time.js';
import type { Terms, Work } from '@tessera/jobs/job.store.js';
import { invalidSubmission } from '../errors.js';
import { storedAny } from '../queue/job-messages.js';
import type { JobPayload, StoredTerms } from '../queue/job-record.js';

/** Files of one job: above what any kind delivers, and a bound on what a document holds. */
const outputsMax = 64;
/** Text by which a job is searched; prompts are shorter. */
const textCharactersMax = 4_000;
const tagsMax = 32;
const leaseMsMin = 1_000;
const dayMs = 24 * 3_600_000;

type Present = Required<Pick<SubmitRequest, 'work' | 'compute' | 'payload'>>;
/** A submission that has all its parts. Only services submit, so what is wrong with one is a fault of ours, not of a caller. */
export type CheckedSubmission = Omit<SubmitRequest, keyof Present> & { readonly [K in keyof Present]: NonNullable<Present[K]> };

export function checkedSubmission(request: SubmitRequest): CheckedSubmission {
  const { accountId, kind, work, compute, payload, outputs, terms } = request;
  if (accountId === '' || !/^[a-z]{1,32}$/.test(kind)) throw invalidSubmission('A submission names its account and its kind.');
  if (!work || work.pool === '' || work.modelId === '' || work.units === 0 || !(work.size > 0))
    throw invalidSubmission('A submission says what work there is.');
  if (!compute || !payload) throw invalidSubmission('A submission brings what is priced and what is to be done.');
  if (outputs > outputsMax) throw invalidSubmission(`A job delivers at most ${outputsMax} files.`);
  if (terms && terms.leaseMs !== 0n && (terms.leaseMs < leaseMsMin || terms.leaseMs > dayMs))
    throw invalidSubmission('A lease lasts a second at least and a day at most.');
  return { ...request, work, compute, payload };
}

export function workOf({ kind, work }: CheckedSubmission, gpuTime: GpuTime): Work {
  const { pool, modelId, affinity, units, size } = work;
  return { kind, pool, modelId, affinity, units, size, gpuSecondsEstimated: gpuTime.estimate({ kind, modelId, size }) };
}

/** What the queue must know of a kind's terms; nothing where the defaults hold. */
export function termsOf({ terms }: CheckedSubmission): Terms | undefined {
  if (!terms || (terms.leaseMs === 0n && terms.attemptsMax === 0)) return undefined;
  return {
    ...(terms.leaseMs === 0n ? {} : { leaseMs: Number(terms.leaseMs) }),
    ...(terms.attemptsMax === 0 ? {} : { attemptsMax: terms.attemptsMax }),
  };
}

export function payloadOf(submission: CheckedSubmission, newId: () => string): JobPayload {
  const { payload, compute, requestDigest, idempotencyKey, memberId, project, wallet, labels, outputs } = submission;
  const terms = storedTerms(submission);
  const text = labels?.text.slice(0, textCharactersMax) ?? '';
  const tags = labels?.tags.slice(0, tagsMax) ?? [];
  return {
    request: storedAny(payload),
    requestDigest,
    hasKey: idempotencyKey !== '',
    memberId,
    project,
    ...(wallet === '' ? {} : { wallet }),
    ...(text === '' ? {} : { text }),
    ...(tags.length === 0 ? {} : { tags }),
    outputIds: Array.from({ length: outputs }, newId),
    ...(terms ? { terms } : {}),
    compute: toJson(ComputeSpecSchema, compute) as object,
  };
}

function storedTerms({ terms }: CheckedSubmission): StoredTerms | undefined {
  if (!terms || (terms.startWithinMs === 0n && terms.holdMarginMs === 0n && !terms.chargesCheckpoints)) return undefined;
  return {
    ...(terms.startWithinMs === 0n ? {} : { startWithinMs: Number(terms.startWithinMs) }),
    ...(terms.holdMarginMs === 0n ? {} : { holdMarginMs: Number(terms.holdMarginMs) }),
    ...(terms.chargesCheckpoints ? { chargesCheckpoints: true } : {}),
  };
}
