import type { Notes } from './datasets.js';

type Sent = { readonly [N in 'caption' | 'provenance' | 'licence']?: string | null | undefined };

/** What is absent or null says nothing. */
export const notesOf = ({ caption, provenance, licence }: Sent): Notes => ({
  caption: caption ?? '',
  provenance: provenance ?? '',
  licence: licence ?? '',
});
