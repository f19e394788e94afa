import type { Config } from '@tessera/platform/config.js';
import type { WorkerOptions } from './worker-loop.js';

/**
 * A real engine paints one batch while another is composed or stored; the noop engine costs nothing, so only the path around it counts. A preview is a decoding of its own:
 * four in twenty steps show what comes, at 5 % of the time, and a picture of four steps is there before anybody has looked at one.
 */
export const capacityOf = {
  onnx: { jobsPerBatchMax: 4, imagesPerBatchMax: 8, paintingMax: 1, batchesMax: 2, previewEverySteps: 4 },
  triton: { jobsPerBatchMax: 4, imagesPerBatchMax: 8, paintingMax: 2, batchesMax: 3, previewEverySteps: 4 },
  noop: { jobsPerBatchMax: 16, imagesPerBatchMax: 64, paintingMax: 16, batchesMax: 16, previewEverySteps: 0 },
} as const satisfies Record<Config['engine'], Partial<WorkerOptions>>;
