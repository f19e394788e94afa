import { afterEach, describe, expect, it } from '@jest/globals';
import { crashRun } from './crash-run.js';
import { newDataDir, profiles, removeDataDir } from './profiles.js';

const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map(removeDataDir)));

describe.each(Object.entries(profiles))('kill -9, %s', (_name, start) => {
  it('ends every acknowledged job exactly once, with its pictures and its bill', async () => {
    const dataDir = await newDataDir();
    folders.push(dataDir);
    const report = await crashRun(
      start,
      { dataDir },
      {
        jobs: 150,
        kills: 3,
        clients: 8,
        seed: 20_261_121,
        request: (job) => ({ prompt: `apple ${job}`, num_images: 1 + (job % 3), width: 512, height: 512 }),
      },
    );
    expect(report.complaints).toEqual([]);
    expect(report).toMatchObject({ acknowledged: 150, succeeded: 150, openHolds: 0 });
  }, 240_000);
});
