import { invalidArgument } from '@tessera/platform/errors.js';
import { trainingFocuses, type TrainingDescription, type TrainingRequest } from './adapter-trainer.js';

/** Beyond this the adapter would learn the model's own pictures more than those of the set. */
export const priorShareMax = 0.5;
const samplePromptsMax = 16;
/** A prompt of this length is longer than any caption can say; bounds what a hostile set costs. */
const captionCharsMax = 2000;
const triggerCharsMax = 64;
const textCharsMax = 200;

/** What every trainer refuses before it begins. */
export function refuseUntrainable(request: TrainingRequest, { modelId, bounds }: TrainingDescription): void {
  if (!bounds) throw invalidArgument('unsupported_training', `${modelId} cannot be trained.`, { param: 'model_id' });
  const { steps, rank, learningRate, focus } = request;
  const learned = request.pictures.filter(({ split }) => split === 'train').length;
  requireThat(learned >= 1, 'A training needs at least one picture to learn from.', 'pictures');
  requireThat(request.pictures.length <= bounds.picturesMax, `A training takes at most ${bounds.picturesMax} pictures.`, 'pictures');
  const tooLong = request.pictures.findIndex(({ caption }) => caption.length > captionCharsMax);
  requireThat(tooLong < 0, `The caption of picture ${tooLong + 1} has more than ${captionCharsMax} characters.`, 'pictures');
  requireThat(isWithin(steps, 1, bounds.stepsMax), `A training takes 1 to ${bounds.stepsMax} steps.`, 'steps');
  requireThat(isWithin(rank, 1, bounds.rankMax), `The rank of an adapter for ${modelId} is from 1 to ${bounds.rankMax}.`, 'rank');
  requireThat(
    learningRate > 0 && learningRate <= bounds.learningRateMax,
    `The learning rate is above 0, and at most ${bounds.learningRateMax}.`,
    'learning_rate',
  );
  requireThat(isWithin(request.seed, 0, Number.MAX_SAFE_INTEGER), 'The seed is a whole number from 0.', 'seed');
  requireThat(trainingFocuses.includes(focus), `The focus is one of ${trainingFocuses.join(', ')}.`, 'focus');
  const { priorShare = 0 } = request;
  requireThat(priorShare >= 0 && priorShare <= priorShareMax, `The share of prior pictures is from 0 to ${priorShareMax}.`, 'prior_share');
  requireThat(
    !(focus === 'character' && request.augmentation.flips),
    'A character is not mirrored: its letters and its features have their sides.',
    'augmentation',
  );
  refuseSchedule(request);
  refuseTexts(request);
}

function refuseSchedule({ samplePrompts, sampleEverySteps, checkpointEverySteps, steps }: TrainingRequest): void {
  requireThat(samplePrompts.length <= samplePromptsMax, `Samples are made for at most ${samplePromptsMax} prompts.`, 'sample_prompts');
  const hasLong = samplePrompts.some((prompt) => prompt.length > captionCharsMax);
  requireThat(!hasLong, `A sample prompt has at most ${captionCharsMax} characters.`, 'sample_prompts');
  requireThat(isWithin(sampleEverySteps, 0, Number.MAX_SAFE_INTEGER), 'Samples come every so many whole steps.', 'sample_every_steps');
  requireThat(
    isWithin(checkpointEverySteps, 1, Number.MAX_SAFE_INTEGER),
    `Checkpoints come every so many whole steps, of ${steps}.`,
    'checkpoint_every_steps',
  );
}

function refuseTexts({ trigger, focus, about }: TrainingRequest): void {
  const isWord = trigger === undefined || /^[\p{L}\p{N}][\p{L}\p{N}_-]*$/u.test(trigger.word);
  requireThat(isWord && (trigger?.word.length ?? 0) <= triggerCharsMax, 'The trigger is one word of letters and digits.', 'trigger');
  requireThat(
    focus === 'style' || (trigger?.noun ?? '').trim() !== '',
    `A training of the focus "${focus}" needs a trigger with the noun that it stands for.`,
    'trigger',
  );
  requireThat((trigger?.noun?.length ?? 0) <= triggerCharsMax, `The noun has at most ${triggerCharsMax} characters.`, 'trigger');
  for (const text of [about?.title, about?.license, about?.date])
    requireThat(
      (text?.length ?? 0) <= textCharsMax,
      `What the file says about itself has at most ${textCharsMax} characters each.`,
      'about',
    );
}

const isWithin = (value: number, low: number, high: number): boolean => Number.isInteger(value) && value >= low && value <= high;

function requireThat(isMet: boolean, sentence: string, param: string): void {
  if (!isMet) throw invalidArgument('invalid_training', sentence, { param });
}
