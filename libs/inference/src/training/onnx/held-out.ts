import { Random } from '../../flow/random.js';
import type { ExampleSource, TrainingExamples } from './examples.js';
import type { Matrix } from './matrices.js';
import { inputsOf, runTrainStep, type TrainStep } from './train-step.js';

const noiseStream = 14;
/** A tenth of a set is held out (kohya's sd-scripts, docs/validation.md); of a large set more pictures would cost more than they tell. */
const picturesMax = 4;

/**
 * The loss of the first pictures at the same noise and times whenever it is measured, since at fresh ones it wavers by more than a training changes it (kohya's sd-scripts,
 * docs/validation.md). The noise does not depend on the seed of the training, so that trainings of one set compare.
 */
export async function fixedLoss(
  examples: TrainingExamples,
  count: number,
  { model: { manifest }, sessions }: ExampleSource,
  graph: TrainStep,
  matrices: readonly Matrix[],
  isCancelled: () => boolean,
): Promise<number> {
  const { channels, sidePx } = manifest.latent;
  const times = Array.from({ length: graph.rows }, (_, row) => (row + 0.5) / graph.rows);
  const pictures = Math.min(count, examples.size, picturesMax);
  let sum = 0;
  for (let index = 0; index < pictures && !isCancelled(); index += 1) {
    const example = await examples.plain(index);
    const noise = new Random(index, noiseStream).normals(graph.rows * channels * sidePx * sidePx);
    const rows = times.map(() => example);
    sum += (await runTrainStep(manifest, graph, sessions, inputsOf(rows, noise, times, manifest), matrices)).loss;
  }
  return sum / pictures;
}
