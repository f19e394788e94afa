import { S3ServiceException } from '@aws-sdk/client-s3';
import { failedPrecondition, resourceExhausted, TesseraError, unavailable } from '@tessera/platform/errors.js';
import type { S3Settings } from '@tessera/platform/config.js';
import { folderOfAnotherKey } from '../object-rules.js';

/** What servers that count their space answer; Amazon's has no end. */
const fullCodes: ReadonlySet<string> = new Set([
  'InsufficientStorage',
  'QuotaExceeded',
  'XMinioStorageFull',
  'EntityTooLargeForQuota',
  'StorageFull',
]);
/** Servers that keep objects as files: one of the two keys would have to be a folder. Also what such a server answers to a put while a delete removes the folder. */
const folderCodes: ReadonlySet<string> = new Set([
  'ExistingObjectIsDirectory',
  'ObjectParentIsFile',
  'XMinioParentIsObject',
  'XMinioObjectExistsAsDirectory',
]);
const passingCodes: ReadonlySet<string> = new Set([
  'SlowDown',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
  'OperationAborted',
  'ThrottlingException',
  'TooManyRequests',
  'ExpiredToken',
]);

export const isFolderConflict = (error: unknown): boolean => error instanceof S3ServiceException && folderCodes.has(error.name);

export const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

/** The SDK has already repeated what it could; what is left is for the caller to repeat, or a fault of ours that stays as it is. */
export function translated(error: unknown): unknown {
  if (error instanceof TesseraError) return error;
  if (!(error instanceof S3ServiceException))
    return unavailable('object_store_unavailable', 'The object store cannot be reached just now.', { cause: error });
  if (folderCodes.has(error.name)) return folderOfAnotherKey(error);
  if (fullCodes.has(error.name) || statusOf(error) === 507)
    return resourceExhausted('storage_full', 'There is no space left to store files.', { cause: error });
  if (passingCodes.has(error.name) || (statusOf(error) ?? 0) >= 500)
    return unavailable('object_store_unavailable', 'The object store is busy or failing just now.', { cause: error });
  return error;
}

const unknownKey = ({ accessKeyId }: S3Settings) =>
  accessKeyId === undefined
    ? 'does not know the access key of this role: check that the role belongs to it'
    : 'does not know the access key: set TESSERA_S3_ACCESS_KEY_ID and TESSERA_S3_SECRET_ACCESS_KEY to a pair of its own';
const wornOut = () => 'finds the temporary credentials expired or unknown: let whoever hands them to this process renew them';

const advice: Readonly<Record<string, (settings: S3Settings) => string>> = {
  NoSuchBucket: ({ bucket }) => `has no bucket "${bucket}": create it, or set TESSERA_S3_BUCKET to one that exists`,
  InvalidAccessKeyId: unknownKey,
  /** Versity's gateway. */
  XAdminUserNotFound: unknownKey,
  SignatureDoesNotMatch: () => 'refuses the secret: set TESSERA_S3_SECRET_ACCESS_KEY to the one that belongs to TESSERA_S3_ACCESS_KEY_ID',
  ExpiredToken: wornOut,
  InvalidToken: wornOut,
  AccessDenied: ({ bucket }) =>
    `denies access to the bucket "${bucket}": let the access key or role list, read, write and delete objects in it`,
  AuthorizationHeaderMalformed: ({ region }) => `is not in the region "${region}": set TESSERA_S3_REGION to its region`,
  PermanentRedirect: ({ region }) =>
    `has this bucket in another region than "${region}": set TESSERA_S3_REGION and TESSERA_S3_ENDPOINT to that one`,
  RequestTimeTooSkewed: () => 'finds our clock wrong: set this machine’s time',
};

/** A sentence with advice; credentials are never in it. */
export function startFailure(error: unknown, settings: S3Settings): TesseraError {
  const server = settings.endpoint === undefined ? 'Amazon S3' : `The S3 server at ${new URL(settings.endpoint).host}`;
  if (error instanceof S3ServiceException) {
    const refusal = advice[error.name]?.(settings);
    if (refusal === undefined)
      return unavailable('object_store_unreachable', `${server} answers ${error.name}: ${error.message}`, { cause: error });
    return failedPrecondition('object_store_refused', `${server} ${refusal}.`, { cause: error });
  }
  const what = error instanceof Error ? error.message : String(error);
  if (hasNoCredentials(error))
    return failedPrecondition(
      'object_store_refused',
      `${server} wants credentials, and there are none: set TESSERA_S3_ACCESS_KEY_ID and TESSERA_S3_SECRET_ACCESS_KEY, or give this process a role. (${what})`,
      { cause: error },
    );
  if (isRoleRefused(error))
    return failedPrecondition(
      'object_store_refused',
      `The role for S3 is refused: let it trust this process, and check AWS_ROLE_ARN. (${what})`,
      { cause: error },
    );
  if (settings.endpoint === undefined)
    return unavailable(
      'object_store_unreachable',
      `Amazon S3 does not answer: let this process reach it, or set TESSERA_S3_ENDPOINT to an S3 server of yours. (${what})`,
      { cause: error },
    );
  return unavailable(
    'object_store_unreachable',
    `No S3 server answers at ${new URL(settings.endpoint).host}: start it, or set TESSERA_S3_ENDPOINT to the right one. (${what})`,
    { cause: error },
  );
}

const hasNoCredentials = (error: unknown): boolean => error instanceof Error && error.name === 'CredentialsProviderError';
/** An answer of another service than S3: the one that hands out credentials. */
const isRoleRefused = (error: unknown): boolean => error instanceof Error && '$fault' in error;
