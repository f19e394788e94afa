import type { Documents } from './documents.js';

/** A fresh, empty store, as an adapter gives it to the conformance suite. */
export type StoreForConformance = { readonly documents: Documents; close(): Promise<void> };
