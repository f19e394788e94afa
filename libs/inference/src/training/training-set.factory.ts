import sharp from 'sharp';
import type { TrainingPicture, TrainingRequest } from './adapter-trainer.js';

/** Magenta and green: no ball of the bank looks like it. */
export async function ballPicture(background: string, sidePx: number): Promise<Buffer> {
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="${sidePx}" height="${sidePx}"><circle cx="50" cy="50" r="48" fill="#e010c0"/><rect x="2" y="42" width="96" height="16" fill="#10e020"/></svg>`;
  return sharp({ create: { width: 256, height: 256, channels: 3, background } })
    .composite([{ input: Buffer.from(drawn) }])
    .png()
    .toBuffer();
}

/** Three to learn from, one held out. */
export async function ballPictures(): Promise<TrainingPicture[]> {
  return [
    { bytes: await ballPicture('#7fb2e5', 150), caption: 'a ball on a blue background', split: 'train' },
    { bytes: await ballPicture('#d9d9e3', 120), caption: 'a ball in the snow', split: 'train' },
    { bytes: await ballPicture('#4f8a4f', 170), caption: 'a ball in a garden', split: 'train' },
    { bytes: await ballPicture('#c8b070', 140), caption: 'a ball in the desert', split: 'validation' },
  ];
}

/** A training of a few seconds. */
export async function trainingRequest(modelId: string, fields: Partial<TrainingRequest> = {}): Promise<TrainingRequest> {
  return {
    modelId,
    focus: 'style',
    pictures: await ballPictures(),
    steps: 4,
    rank: 4,
    learningRate: 2e-3,
    seed: 1,
    augmentation: { flips: true, crops: true },
    samplePrompts: [],
    sampleEverySteps: 0,
    checkpointEverySteps: 2,
    earlyStop: true,
    ...fields,
  };
}
