import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { newDataDir, removeDataDir, repository } from '../profiles.js';
import { runDatasets } from './datasets.factory.js';

describe('a plan without trainings', () => {
  it('has no datasets, and is told which plan would', async () => {
    const dataDir = await newDataDir();
    const [catalogue] = JSON.parse(await readFile(path.join(repository, 'services/billing/src/catalogue/catalogue.json'), 'utf8')) as [
      { plans: { artisan: object } },
    ];
    const artisan = { ...catalogue.plans.artisan, hasTraining: false };
    const catalogueFile = path.join(dataDir, 'prices.json');
    await writeFile(catalogueFile, JSON.stringify([{ ...catalogue, gates: ['training'], plans: { ...catalogue.plans, artisan } }]));
    const running = await runDatasets({ dataDir, catalogueFile });
    await expect(running.datasets.createDataset({ accountId: await running.openAccount(), name: 'foxes' })).rejects.toMatchObject({
      kind: 'FailedPrecondition',
      reason: 'plan_forbids_training',
    });
    await running.close();
    await removeDataDir(dataDir);
  });
});

describe('the opt-out list', () => {
  it('stops a start that cannot read it, with a sentence', async () => {
    const dataDir = await newDataDir();
    const trainingOptOutFile = path.join(dataDir, 'list.txt');
    await expect(runDatasets({ dataDir, trainingOptOutFile })).rejects.toThrow(/Setting trainingOptOutFile: .*list\.txt: .*ENOENT/);
    await writeFile(trainingOptOutFile, 'x\n');
    await expect(runDatasets({ dataDir, trainingOptOutFile })).rejects.toThrow(/line 1 is neither a SHA-256 nor a perceptual hash/);
    await removeDataDir(dataDir);
  });
});
