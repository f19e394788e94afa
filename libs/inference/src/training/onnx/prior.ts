import type { Pipeline } from '../../flow/pipeline.js';
import { Random } from '../../flow/random.js';
import type { TrainingRequest } from '../adapter-trainer.js';
import { type ExampleSource, TrainingExamples } from './examples.js';
import { samplePicture } from './samples.js';

const wordStream = 15;
/** Of other things, so that the adapter does not learn to see its own in all of them. */
const picturesOfPrior = 4;

/** Prior preservation (Ruiz et al. 2022, https://arxiv.org/abs/2208.12242): other things, as the model makes them before it is trained. */
export async function priorExamples(
  source: ExampleSource,
  pipeline: Pipeline,
  { modelId, seed, trigger }: TrainingRequest,
  isCancelled: () => boolean,
): Promise<TrainingExamples> {
  const { model } = source;
  const own = trigger?.noun === undefined ? undefined : model.reader.conceptOf(trigger.noun);
  const words = [...model.concepts.words].filter(([, concept]) => concept !== own).map(([word]) => word);
  const random = new Random(seed, wordStream);
  const pictures: { bytes: Uint8Array; caption: string }[] = [];
  for (let index = 0; index < picturesOfPrior; index += 1) {
    const caption = `a ${words[Math.floor(random.uniform() * words.length)] ?? ''}`;
    const image = await samplePicture(pipeline, model.manifest, { modelId, prompt: caption, index, adapter: undefined }, isCancelled);
    pictures.push({ bytes: image.bytes, caption });
  }
  return TrainingExamples.read(source, pictures, { flips: false, crops: false }, seed);
}
