import type { ErrorKind } from './kinds.js';

/** What is known of a reason wherever it is given. */
export type ReasonEntry = {
  readonly kind: ErrorKind;
  /** One sentence or two for the person who meets it: what it means and what helps. */
  readonly explains: string;
  /** HTTP status, where it is not the kind's. */
  readonly http?: number;
  /** gRPC code, where it is not the kind's. */
  readonly grpc?: number;
  /** Whether the very same call may succeed later, where the kind says otherwise. */
  readonly repeat?: boolean;
};

/** gRPC's ALREADY_EXISTS. */
export const alreadyExists = 6;
