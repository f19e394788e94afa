import { internal, invalidArgument, TesseraError, unavailable } from '@tessera/platform/errors.js';
import mongoose from 'mongoose';

const { MongoError, MongoNetworkError, MongoServerSelectionError, MongoNotConnectedError, MongoClientClosedError, MongoServerError, MongoTopologyClosedError, MongoExpiredSessionError } = mongoose.mongo;

const duplicateKey = 11000;
/** BSONObjectTooLarge, and the same for a whole message. */
const tooLarge: ReadonlySet<number | string> = new Set([10334, 17419, 17420]);

export const isDuplicateKey = (error: unknown): boolean => error instanceof MongoServerError && error.code === duplicateKey;

const hasEnded = (error: unknown): boolean =>
  error instanceof MongoNotConnectedError || error instanceof MongoClientClosedError || error instanceof MongoTopologyClosedError || error instanceof MongoExpiredSessionError;

const isOutOfReach = (error: unknown): boolean =>
  error instanceof MongoNetworkError || error instanceof MongoServerSelectionError || (error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError')));

/** What an exception of the driver is in our taxonomy. */
export function storeError(error: unknown): TesseraError {
  if (error instanceof TesseraError) return error;
  if (hasEnded(error)) return unavailable('store_closed', 'The document store is closed.', { cause: error });
  if (isOutOfReach(error)) return unavailable('store_unavailable', 'The document store does not answer.', { cause: error, retryAfterMs: 1000 });
  const { code } = error as { code?: number | string };
  if (error instanceof RangeError || (code !== undefined && tooLarge.has(code))) return invalidArgument('document_too_large', 'A document is larger than the store can hold.', { cause: error });
  return internal('store_failed', `The document store failed: ${String((error as Error).message)}`, { cause: error });
}
