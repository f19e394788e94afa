import type { Documents } from './documents.js';

/** A store, as an adapter gives it to the conformance suites; fresh and empty unless it was open before. */
export type StoreForConformance = { readonly documents: Documents; close(): Promise<void> };

/** A place where data stay: opened again, and several times at once, it is the same store. */
export type InstallationForConformance = {
  open(): Promise<StoreForConformance & { ready(): Promise<void> }>;
  /** What another process opens the same store with (see `migrator.fixture.ts`). */
  readonly place: readonly [profile: 'single' | 'cluster', location: string];
  remove(): Promise<void>;
};
