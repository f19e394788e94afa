import type { Generation, Submission } from '../generations/generations.js';
import { nameOfState } from '../generations/job-states.js';
import { costWire, statusOf } from '../generations/leonardo-wire.js';
import { quoteWire, timeOf } from '../http/tessera-wire.js';
import type { Transform } from './variations.js';

/** What Leonardo's SDKs read of a variation; see `leonardo-wire.ts`. */

export const variationJobWire = ({ job, balanceTokens, isReplay }: Submission) => ({
  id: job.jobId,
  ...(job.quote ? costWire(job.quote) : {}),
  tessera: {
    state: nameOfState(job.state),
    isReplay,
    ...(job.quote ? { quote: quoteWire(job.quote) } : {}),
    ...(balanceTokens === undefined ? {} : { balanceTokens }),
  },
});

export function variationWire({ job, links }: Generation, transformType: Transform) {
  const [picture] = job.images;
  const link = picture && links.get(picture.imageId);
  return {
    id: job.jobId,
    createdAt: timeOf(job.createdMs),
    status: statusOf(job.state),
    transformType,
    ...(link ? { url: link.url } : {}),
    tessera: {
      state: nameOfState(job.state),
      width: job.request.widthPx,
      height: job.request.heightPx,
      chargedTokens: Number(job.chargedTokens),
      ...(picture ? { imageId: picture.imageId, contentType: picture.contentType } : {}),
      ...(job.failure ? { failureReason: job.failure.reason, failureMessage: job.failure.message } : {}),
    },
  };
}
