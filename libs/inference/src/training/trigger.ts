import type { TrainingFocus, TrainingTrigger } from './adapter-trainer.js';

/** A prompt as a model with a closed vocabulary reads it: the trigger word is the noun that it stands for. */
export function bindTrigger(text: string, trigger: TrainingTrigger | undefined): string {
  const { word, noun } = trigger ?? {};
  return word === undefined || noun === undefined ? text : text.replaceAll(wordPattern(word), () => noun);
}

/** The same for a caption of the set. One that names neither is given the noun in front: a thing that its caption leaves out would be learned as part of the background. */
export function boundCaption(caption: string, focus: TrainingFocus, trigger: TrainingTrigger | undefined): string {
  const bound = bindTrigger(caption, trigger);
  if (focus === 'style' || trigger?.noun === undefined || wordPattern(trigger.noun).test(bound)) return bound;
  return `a ${trigger.noun}, ${bound}`;
}

const wordPattern = (word: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}])${word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}(?![\\p{L}\\p{N}])`, 'giu');
