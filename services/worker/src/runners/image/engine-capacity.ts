import type { Config } from '@tessera/platform/config.js';
import type { RunnerCapacity } from '../../runner.js';

type EngineCapacity = RunnerCapacity & {
  /** A preview every so many steps; 0 for none. */
  readonly previewEverySteps: number;
};

/**
 * A real engine computes one batch while another is composed or stored; the noop engine costs nothing, so only the path around it counts. A preview is a decoding of its own:
 * four in twenty steps show what comes, at 5 % of the time, and a picture of four steps is there before anybody has looked at one.
 */
export const capacityOf: Record<Config['engine'], EngineCapacity> = {
  onnx: { jobsPerBatchMax: 4, unitsPerBatchMax: 8, computingMax: 1, batchesMax: 2, warmModelsMax: 1, previewEverySteps: 4 },
  triton: { jobsPerBatchMax: 4, unitsPerBatchMax: 8, computingMax: 2, batchesMax: 3, warmModelsMax: 1, previewEverySteps: 4 },
  // One job a call: what may have been paid for must not be repeated on account of a batch-mate. The server forms its own batches of what arrives together.
  served: { jobsPerBatchMax: 1, unitsPerBatchMax: 8, computingMax: 8, batchesMax: 8, warmModelsMax: 8, previewEverySteps: 0 },
  python: { jobsPerBatchMax: 4, unitsPerBatchMax: 8, computingMax: 2, batchesMax: 3, warmModelsMax: 1, previewEverySteps: 4 },
  noop: { jobsPerBatchMax: 16, unitsPerBatchMax: 64, computingMax: 16, batchesMax: 16, warmModelsMax: 1, previewEverySteps: 0 },
};
