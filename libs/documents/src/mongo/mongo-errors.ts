import { internal, invalidArgument, TesseraError, unavailable } from '@tessera/platform/errors.js';
import mongoose from 'mongoose';

const {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerSelectionError,
  MongoNotConnectedError,
  MongoClientClosedError,
  MongoServerError,
  MongoTopologyClosedError,
  MongoExpiredSessionError,
} = mongoose.mongo;

const duplicateKey = 11000;
/** BSONObjectTooLarge, and the same for a whole message. */
const tooLarge: ReadonlySet<number | string> = new Set([10334, 17419, 17420]);

export const isDuplicateKey = (error: unknown): boolean => error instanceof MongoServerError && error.code === duplicateKey;

const hasEnded = (error: unknown): boolean =>
  error instanceof MongoNotConnectedError ||
  error instanceof MongoClientClosedError ||
  error instanceof MongoTopologyClosedError ||
  error instanceof MongoExpiredSessionError;

const isOutOfReach = (error: unknown): boolean =>
  error instanceof MongoNetworkError ||
  error instanceof MongoServerSelectionError ||
  (error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError')));

/** A bulk write wraps whatever broke it, a lost connection as well. */
const innermost = (error: unknown): unknown =>
  error instanceof MongoBulkWriteError && error.errorResponse instanceof Error ? error.errorResponse : error;

/** What an exception of the driver is in our taxonomy. */
export function storeError(thrown: unknown): TesseraError {
  if (thrown instanceof TesseraError) return thrown;
  const error = innermost(thrown);
  if (hasEnded(error)) return unavailable('store_closed', 'The document store is closed.', { cause: error });
  if (isOutOfReach(error))
    return unavailable('store_unavailable', 'The document store does not answer.', { cause: error, retryAfterMs: 1000 });
  const { code } = error as { code?: number | string };
  if (error instanceof RangeError || (code !== undefined && tooLarge.has(code)))
    return invalidArgument('document_too_large', 'A document is larger than the store can hold.', { cause: error });
  return internal('store_failed', `The document store failed: ${String((error as Error).message)}`, { cause: error });
}
