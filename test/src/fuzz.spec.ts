import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from './client.js';
import { fuzzRun } from './fuzz-run.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';

/** Another one is drawn by `./tessera bench fuzz --seed`. */
const seed = 20_261_130;

let server: Running;
beforeAll(async () => {
  server = await profiles['one process']!({ dataDir: await newDataDir() });
});
afterAll(async () => {
  await server.stop();
  await removeDataDir(server.dataDir);
});

it(`answers wrong requests of every kind typed, below 500, and without moving a balance (seed ${seed})`, async () => {
  const report = await fuzzRun(new Client(server), { requests: 2_500, seed, clients: 8 });
  expect({ seed: report.seed, complaints: report.complaints }).toEqual({ seed, complaints: [] });
  expect(report.spentTokens).toBe(report.acceptedTokens);
  expect(report.acceptedTokens).toBeGreaterThan(0);
}, 240_000);
