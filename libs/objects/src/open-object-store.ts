import path from 'node:path';
import { SystemClock, type Clock } from '@tessera/platform/clock.js';
import { FilesystemObjectStore } from './filesystem/filesystem-object-store.js';

export type ObjectStoreOptions = {
  readonly dataDir: string;
  /** How clients reach the HTTP face: the start of every link. A function, for the port may be chosen only when the server listens. */
  readonly publicUrl: () => string;
  readonly clock?: Clock;
};

/** Opens the store for the profile; what processes that died have left half-written is removed. */
export function openObjectStore({ dataDir, publicUrl, clock = new SystemClock() }: ObjectStoreOptions): Promise<FilesystemObjectStore> {
  return FilesystemObjectStore.open(path.join(dataDir, 'objects'), publicUrl, clock);
}
