import type { TrainingFocus, TrainingRequest } from './adapter-trainer.js';

export type TrainingDefaults = Pick<
  TrainingRequest,
  'steps' | 'rank' | 'learningRate' | 'augmentation' | 'checkpointEverySteps' | 'sampleEverySteps' | 'earlyStop'
>;

/**
 * What a training takes when nothing else is asked for, for models that are trained here with the ONNX train step; the figures were measured with mosaic-3d.
 * - style, 120 steps at rank 8 and 0.005: fifteen duotone pictures, two of them held out, brought held prompts from 63.3 to 24.9 of 255 away from the style (at 0.002 to 27.9, after 60 of
 *   its steps 32.3), in 41 CPU seconds with validation and samples.
 * - object, character: three pictures of a thing are seen in its word after 50 steps at rank 8 and 0.002 (`onnx/onnx-trainer.spec.ts`); twice as many, since the thing must be learned
 *   from several sides. Not at 0.005, where one picture was memorised.
 * - Mirror images and sections make four pictures of one. Never for a character: its letters and features have their sides, and a section may cut its face.
 * - Validation six times a training, so that two rises running can end it while most of the best is kept; samples at the half and in the end, under a second of CPU each.
 */
const defaults: Readonly<Record<TrainingFocus, TrainingDefaults>> = {
  style: {
    steps: 120,
    rank: 8,
    learningRate: 5e-3,
    augmentation: { flips: true, crops: true },
    checkpointEverySteps: 20,
    sampleEverySteps: 60,
    earlyStop: true,
  },
  object: {
    steps: 100,
    rank: 8,
    learningRate: 2e-3,
    augmentation: { flips: true, crops: true },
    checkpointEverySteps: 20,
    sampleEverySteps: 50,
    earlyStop: true,
  },
  character: {
    steps: 100,
    rank: 8,
    learningRate: 2e-3,
    augmentation: { flips: false, crops: false },
    checkpointEverySteps: 20,
    sampleEverySteps: 50,
    earlyStop: true,
  },
};

export const trainingDefaults = (focus: TrainingFocus): TrainingDefaults => defaults[focus];
