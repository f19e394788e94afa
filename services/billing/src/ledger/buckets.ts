/** In burn order: what expires soonest pays first. */
export const burnOrder = ['daily', 'fast', 'rollover', 'topup'] as const;
export type BucketName = (typeof burnOrder)[number];

export const burnRank = (bucket: BucketName): number => burnOrder.indexOf(bucket);
