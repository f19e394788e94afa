import { describe, expect, it } from '@jest/globals';
import { bundledModelsDir } from '@tessera/models/families.js';
import { pino } from 'pino';
import { openTrainer } from '../open-trainer.js';
import { trainingFocuses } from './adapter-trainer.js';
import { refuseUntrainable } from './refuse-untrainable.js';
import { trainingDefaults } from './training-defaults.js';
import { trainingRequest } from './training-set.factory.js';

describe('the defaults of a training', () => {
  it.each(trainingFocuses)('of the focus "%s" are a training that the bundled model takes', async (focus) => {
    const trainer = await openTrainer({ modelsDir: bundledModelsDir, threads: 1, logger: pino({ level: 'silent' }) });
    const trigger = { word: 'zorb', noun: 'ball' };
    const request = await trainingRequest('mosaic-3d', { focus, trigger, ...trainingDefaults(focus) });
    const description = await trainer.describe('mosaic-3d');
    expect(() => refuseUntrainable(request, description)).not.toThrow();
  });
});
