import path from 'node:path';
import { SystemClock, type Clock } from '@tessera/platform/clock.js';
import type { S3Settings } from '@tessera/platform/config.js';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import { FilesystemObjectStore } from './filesystem/filesystem-object-store.js';
import type { ObjectStore } from './object-store.js';

export type FolderOptions = {
  readonly profile?: 'single';
  readonly dataDir: string;
  /** How clients reach the HTTP routes: the start of every link. A function, for the port may be chosen only when the server listens. */
  readonly publicUrl: () => string;
  readonly clock?: Clock;
};

export type ObjectStoreOptions = Omit<FolderOptions, 'profile'> & {
  readonly profile: 'single' | 'cluster';
  readonly s3?: S3Settings | undefined;
  readonly logger?: Logger;
};

/** Opens the store for the profile: a folder, or a bucket. What processes that died have left half-written is removed. */
export function openObjectStore(options: FolderOptions): Promise<FilesystemObjectStore>;
export function openObjectStore(options: ObjectStoreOptions): Promise<ObjectStore & { close(): Promise<void> }>;
export async function openObjectStore({
  profile = 'single',
  dataDir,
  publicUrl,
  clock = new SystemClock(),
  ...rest
}: FolderOptions | ObjectStoreOptions): Promise<ObjectStore & { close(): Promise<void> }> {
  if (profile === 'single') return FilesystemObjectStore.open(path.join(dataDir, 'objects'), publicUrl, clock);
  const { s3, logger = createLogger('silent', 'objects') } = rest as Pick<ObjectStoreOptions, 's3' | 'logger'>;
  if (s3 === undefined)
    throw failedPrecondition(
      'object_store_not_configured',
      'The cluster profile needs a bucket: set TESSERA_S3_BUCKET, and TESSERA_S3_ENDPOINT unless it is Amazon’s.',
    );
  // Loaded where it is needed: the SDK takes its time and its memory.
  const { S3ObjectStore } = await import('./s3/s3-object-store.js');
  return S3ObjectStore.open(s3, clock, logger);
}
