import {
  deadlineExceeded,
  failedPrecondition,
  internal,
  invalidArgument,
  notFound,
  receivedRefusal,
  resourceExhausted,
  unauthenticated,
  unavailable,
  type TesseraError,
} from '@tessera/platform/errors.js';

export const missingKey = (): TesseraError => unauthenticated('missing_key', 'Send your API key as "Authorization: Bearer <key>".');

export const wrongKey = (): TesseraError => unauthenticated('wrong_key', 'This API key is unknown or was revoked.');

export const keyOfFormerMember = (): TesseraError =>
  unauthenticated('wrong_key', 'This API key was made for a member who has left the account.');

/** `param`: as the body of a new key names it. */
export const unknownMember = (memberId: string): TesseraError =>
  notFound('unknown_member', `The account has no member ${memberId}.`, { param: 'memberId' });

export const tooManyStreams = (max: number, retryAfterMs: number): TesseraError =>
  resourceExhausted('too_many_streams', `An account has at most ${max} event streams open at once; close one first.`, { retryAfterMs });

/** Also for ids that are no ids, and for other people's: the answer must not tell which. */
export const unknownJob = (): TesseraError => notFound('unknown_job', 'There is no such job.', { param: 'id' });

export const unknownPicture = (): TesseraError => notFound('unknown_asset', 'There is no such picture.', { param: 'id' });

export const unknownBill = (): TesseraError => notFound('unknown_bill', 'There is no bill for a job with this id.', { param: 'id' });

export const unknownAccount = (): TesseraError =>
  notFound('unknown_account', 'There is no such account, or it has no such wallet.', { param: 'account_id' });

export const unknownInitImage = (): TesseraError => notFound('unknown_init_image', 'There is no init image with this id.', { param: 'id' });

/** Also for what is no id, and for another account's. */
export const unknownDataset = (): TesseraError => notFound('unknown_dataset', 'There is no such dataset.', { param: 'dataset_id' });

export const unknownDatasetPicture = (): TesseraError =>
  notFound('unknown_dataset_picture', 'The dataset has no such picture.', { param: 'picture_id' });

export const unknownAdapterFile = (): TesseraError =>
  notFound('unknown_adapter_file', 'There is no uploaded adapter with this id.', { param: 'id' });

export const unknownUser = (): TesseraError => notFound('unknown_user', 'There is no user with this id.', { param: 'userId' });

export const unknownKey = (): TesseraError => notFound('unknown_key', 'There is no API key with this id.', { param: 'id' });

export const tooManyKeys = (max: number): TesseraError =>
  failedPrecondition('too_many_keys', `An account has at most ${max} keys; revoke one first.`);

export const unknownWebhook = (): TesseraError => notFound('unknown_webhook', 'There is no webhook with this id.', { param: 'id' });

export const unknownDelivery = (): TesseraError => notFound('unknown_delivery', 'There is no delivery with this id.', { param: 'id' });

export const tooManyWebhooks = (max: number): TesseraError =>
  failedPrecondition('too_many_webhooks', `An account has at most ${max} webhooks; remove one first.`);

export const unknownField = (name: string, param: string, closest: string | undefined): TesseraError =>
  invalidArgument('unknown_field', `Unexpected variable ${name}.${closest ? ` Did you mean ${closest}?` : ''}`, { param });

export const missingField = (param: string): TesseraError =>
  invalidArgument('missing_field', `expecting a value for non-nullable variable: "${param}"`, { param });

export const invalidField = (message: string, param: string): TesseraError =>
  invalidArgument('invalid_field', message, param === '' ? {} : { param });

export const unsupportedFeature = (
  param: string,
  sentence = `"${param}" is not supported by this server yet; leave it out or switch it off.`,
): TesseraError => invalidArgument('unsupported_feature', sentence, { param });

/** Where the rest of a job is to be had that a call cannot wait for any longer. */
const readIt = (jobId: string): string => `Read it as /api/rest/v1/generations/${jobId}`;

export const stillGenerating = (jobId: string, waitedMs: number): TesseraError =>
  deadlineExceeded(
    'still_painting',
    `The pictures were not finished within ${Math.round(waitedMs / 1000)} s. The job ${jobId} goes on. ${readIt(jobId)}; a repeat would be another job.`,
  );

/** Something between us and the job fails, and the job does not know. */
export const lostSight = (jobId: string, cause: unknown): TesseraError =>
  unavailable(
    'result_unavailable',
    `The job ${jobId} was taken, and its result cannot be told just now. ${readIt(jobId)}; a repeat would be another job.`,
    { cause },
  );

/** What the request itself was to blame for keeps its reason; all else is a failure of ours. Either way the job has ended. */
export const jobFailed = (jobId: string, reason: string, message: string): TesseraError => {
  const refused = receivedRefusal('Internal', reason, message, { retryable: false });
  return refused.kind === 'InvalidArgument' ? refused : internal('job_failed', `The job ${jobId} failed: ${message}`);
};

export const jobEnded = (jobId: string, state: string): TesseraError =>
  failedPrecondition('job_ended', `The job ${jobId} was ${state} before it had pictures.`);
