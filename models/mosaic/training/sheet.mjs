/**
 * Contact sheet of free prompts, painted by the engine as a server would:
 *
 *   node sheet.mjs <folder of models> <out.png> [--model mosaic-3d] [--side 256] [--steps 20] [--seed 1] [--images 1] < prompts.txt
 *
 * One row of eight per eight pictures; notices and the seconds a picture took go to the standard output.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openEngine } from '@tessera/inference/open-engine.js';
import { pino } from 'pino';
import sharp from 'sharp';

const COLUMNS = 8;
const text = (fallback) => ({ type: 'string', default: fallback });
const { positionals, values } = parseArgs({ allowPositionals: true, options: { model: text('mosaic-3d'), side: text('256'), steps: text('20'), seed: text('1'), images: text('1'), threads: text('2') } });
const [modelsDir, out] = positionals;
const [side, steps, seed, images, threads] = [values.side, values.steps, values.seed, values.images, values.threads].map(Number);
const engine = await openEngine({ engine: 'onnx', modelsDir, threads, logger: pino({ level: 'warn' }) });
await engine.warm(values.model);

const tiles = [];
const started = performance.now();
for (const prompt of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const requests = [{ requestId: 'sheet', prompt, negativePrompt: '', seed, images, style: 'NONE' }];
  const batch = { modelId: values.model, widthPx: side, heightPx: side, steps, guidanceScale: 7, previewEverySteps: 0, requests };
  for await (const update of engine.generate(batch, new AbortController().signal)) {
    if (update.type === 'notice') console.log(`${prompt}: ${update.notice.message}`);
    if (update.type === 'image') tiles.push(update.image.bytes);
  }
}
console.log(`${((performance.now() - started) / 1000 / tiles.length).toFixed(2)} s a picture`);
await engine.close();
const background = { width: COLUMNS * side, height: Math.ceil(tiles.length / COLUMNS) * side, channels: 3, background: '#ffffff' };
const placed = tiles.map((bytes, k) => ({ input: Buffer.from(bytes), left: (k % COLUMNS) * side, top: Math.floor(k / COLUMNS) * side }));
await sharp({ create: background }).composite(placed).png().toFile(out);
