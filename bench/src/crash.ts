import { parseArgs } from 'node:util';
import { crashRun } from '@tessera/test/crash-run.js';
import { newDataDir, profiles, removeDataDir } from '@tessera/test/profiles.js';

/** `./tessera bench crash [--jobs 500] [--kills 5] [--engine noop|onnx] [--seed 1]`: kill -9 at random under load, restart, count. */
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '500' },
    kills: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'noop' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '4' },
  },
});

const engine = values.engine === 'onnx' ? 'onnx' : 'noop';
const dataDir = await newDataDir();
const startedMs = Date.now();
try {
  const report = await crashRun(
    profiles['one process']!,
    { dataDir, engine },
    {
      jobs: Number(values.jobs),
      kills: Number(values.kills),
      clients: 16,
      seed: Number(values.seed),
      request: (job) => ({
        prompt: `a red apple number ${job}`,
        num_images: 1,
        width: 128,
        height: 128,
        num_inference_steps: Number(values.steps),
        seed: job,
      }),
      onProgress: (line) => process.stderr.write(`${line}\n`),
    },
  );
  process.stdout.write(`${JSON.stringify({ engine, seconds: (Date.now() - startedMs) / 1000, ...report }, null, 2)}\n`);
  process.exitCode = report.complaints.length === 0 ? 0 : 1;
} finally {
  await removeDataDir(dataDir);
}
