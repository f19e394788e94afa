import { jobReasons } from './job-reasons.js';
import { errorKinds, type ErrorKind } from './kinds.js';
import { mediaReasons } from './media-reasons.js';
import { moneyReasons } from './money-reasons.js';
import { pictureReasons } from './picture-reasons.js';
import { platformReasons } from './platform-reasons.js';
import type { ReasonEntry } from './reason-entry.js';
import { requestReasons } from './request-reasons.js';
import { trainingReasons } from './training-reasons.js';

/** Every reason that a call is refused with or a job ends with. A new one is one line in the list of its chapter; `docs/errors.md` is made from here. */
export const reasonChapters = {
  'Requests and keys': requestReasons,
  'Tokens, plans and payments': moneyReasons,
  Jobs: jobReasons,
  'Pictures and models': pictureReasons,
  'Uploads and files': mediaReasons,
  Training: trainingReasons,
  'The server itself': platformReasons,
} as const satisfies Record<string, Readonly<Record<string, ReasonEntry>>>;

const reasons = {
  ...requestReasons,
  ...moneyReasons,
  ...jobReasons,
  ...pictureReasons,
  ...mediaReasons,
  ...trainingReasons,
  ...platformReasons,
};

export type Reason = keyof typeof reasons;

/** The reasons of one kind. */
export type ReasonOf<Kind extends ErrorKind> = { [R in Reason]: (typeof reasons)[R]['kind'] extends Kind ? R : never }[Reason];

/** A reason with nothing left open. */
export type ReasonFacts = {
  readonly kind: ErrorKind;
  readonly explains: string;
  readonly http: number;
  readonly grpc: number;
  readonly retryable: boolean;
};

export const isReason = (text: string): text is Reason => Object.hasOwn(reasons, text);

/** Reasons of another release, which may reach us from a peer or from a stored job, have what their kind has. */
export function factsOf(reason: Reason, kind?: ErrorKind): ReasonFacts {
  const entry: ReasonEntry = isReason(reason) ? reasons[reason] : { kind: kind ?? 'Internal', explains: '' };
  const { grpc, http, retryable } = errorKinds[entry.kind];
  return {
    kind: entry.kind,
    explains: entry.explains,
    http: entry.http ?? http,
    grpc: entry.grpc ?? grpc,
    retryable: entry.repeat ?? retryable,
  };
}

/** Where a person reads what a reason means, below the address of the server. */
export const pageOf = (reason: string): string => `/docs/errors/${reason}`;
