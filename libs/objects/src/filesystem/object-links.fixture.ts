import { objectLinksHttp } from '@tessera/host/testing/object-links-http.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { ManualClock } from '@tessera/platform/clock.js';
import { FilesystemObjectStore } from './filesystem-object-store.js';

export type ServedFolder = {
  readonly store: FilesystemObjectStore;
  readonly clock: ManualClock;
  readonly dataDir: string;
  readonly url: string;
  close(): Promise<void>;
};

/** A folder in a temporary place and a process that answers its links, for tests. */
export async function serveFolder(): Promise<ServedFolder> {
  const clock = new ManualClock();
  const { ports, dataDir, url, close } = await startTestHost([objectLinksHttp], { replace: { clock } });
  const { bareObjects: store } = ports;
  if (!(store instanceof FilesystemObjectStore)) throw new Error('The single profile keeps objects in a folder.');
  return { store, clock, dataDir, url, close };
}
