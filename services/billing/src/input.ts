import { invalidField, invalidId } from './errors.js';

/** No colon: ids are joined with one in the store. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const operationIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const wordPattern = /^[a-z][a-z0-9_]{0,63}$/;

export const checkAccountId = (accountId: string): void =>
  check(idPattern, 'account_id', accountId, '1 to 64 letters, digits, dots, dashes or underscores');
export const checkJobId = (jobId: string): void =>
  check(idPattern, 'job_id', jobId, '1 to 64 letters, digits, dots, dashes or underscores');
export const checkOperationId = (operationId: string): void =>
  check(operationIdPattern, 'operation_id', operationId, '1 to 128 letters, digits, dots, colons, dashes or underscores');
/** With the provider's name in front; leaves room for the ledger's own prefix. */
export const checkPaymentId = (id: string): void =>
  check(
    operationIdPattern,
    'payment_id',
    id,
    "1 to 128 letters, digits, dots, colons, dashes or underscores, the provider's name included",
  );
export const checkMemberId = (memberId: string): void =>
  check(idPattern, 'member_id', memberId, '1 to 64 letters, digits, dots, dashes or underscores');
export const checkProject = (project: string): void =>
  check(idPattern, 'project', project, '1 to 64 letters, digits, dots, dashes or underscores');
export const checkReason = (reason: string): void => check(wordPattern, 'reason', reason, 'one stable word in lower case');

export function checkWhole(param: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw invalidField(param, `${param} must be a whole number from ${min} to ${max}.`);
}

/** A number of the wire that a double can hold; the use case judges whether it makes sense. */
export function whole(param: string, value: bigint): number {
  const asNumber = Number(value);
  if (!Number.isSafeInteger(asNumber)) throw invalidField(param, `${param} is out of range.`);
  return asNumber;
}

function check(pattern: RegExp, param: string, text: string, shape: string): void {
  if (!pattern.test(text)) throw invalidId(param, shape);
}
