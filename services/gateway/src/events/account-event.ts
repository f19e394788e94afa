import type { Account } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { DescribeQueueResponse, JobPreview, JobProgress } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Generation } from '../generations/generations.js';

export type AccountEvent =
  | { readonly kind: 'generation'; readonly sequence: string; readonly generation: Generation }
  | { readonly kind: 'progress'; readonly sequence: string; readonly jobId: string; readonly progress: JobProgress }
  | { readonly kind: 'preview'; readonly sequence: string; readonly jobId: string; readonly preview: JobPreview }
  | { readonly kind: 'removed'; readonly sequence: string; readonly jobId: string }
  | { readonly kind: 'caughtUp'; readonly sequence: string }
  | { readonly kind: 'balance'; readonly account: Account }
  | { readonly kind: 'queue'; readonly queue: DescribeQueueResponse };
