import { TesseraError, type Reason } from '@tessera/platform/errors.js';
import type { ErrorFields } from './worker-protocol.js';

/** What the caller may read, and what only the log may. */
export function describeError(
  error: unknown,
  unexpected: { readonly reason: Reason; readonly message: string },
): { error: ErrorFields; detail: string | undefined } {
  const text = (thrown: unknown) => (thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  if (!(error instanceof TesseraError)) return { error: { kind: 'Internal', ...unexpected, param: undefined }, detail: text(error) };
  const { kind, reason, message, param } = error;
  return { error: { kind, reason, message, param }, detail: kind === 'Internal' ? text(error.cause ?? error) : undefined };
}

export function fromFields({ kind, reason, message, param }: ErrorFields): TesseraError {
  return new TesseraError(kind, reason, message, param === undefined ? {} : { param });
}
