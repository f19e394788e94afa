/** One task of a trainer in a thread of its own; the thread ends with it. */
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import { loadModel } from '../../flow/model.js';
import { floats, numbers } from '../../flow/sessions.js';
import { LocalSessions } from '../../onnx/local-sessions.js';
import { describeError } from '../../onnx/worker-errors.js';
import { readFeatures } from '../proof/picture-features.js';
import { planesOf, readSquare } from '../squares.js';
import { adapterOfCheckpoint, trainAdapter } from './train-adapter.js';
import { cancelSlot, type FromTrainer, takenSlot, type TrainerSetup, type TrainerTask, type TrainerYield } from './trainer-protocol.js';

/** Updates that wait for their reader: two megabytes each at most, and enough for steps to go on while one is stored. */
const waitingMax = 16;
/** Atomics.waitAsync would not keep the thread alive. */
const pollMs = 20;

if (!parentPort) throw new Error('trainer.worker runs as a worker thread only');
const port = parentPort;
const { manifest, variant, threads, task, flags }: TrainerSetup = workerData;
sharp.concurrency(1);
sharp.cache(false);

const shared = new Int32Array(flags);
const sessions = new LocalSessions(threads);
const isCancelled = () => Atomics.load(shared, cancelSlot) !== 0;
const post = (message: FromTrainer) => port.postMessage(message);
let sent = 0;

try {
  await perform(task);
  post({ type: 'done' });
} catch (error) {
  post({ type: 'failed', ...describeError(error, { reason: 'training_failed', message: 'The adapter could not be trained.' }) });
} finally {
  await sessions.release();
}

async function send(value: TrainerYield): Promise<void> {
  post({ type: 'yield', value });
  sent += 1;
  while (sent - Atomics.load(shared, takenSlot) > waitingMax && !isCancelled()) await setTimeout(pollMs);
}

async function perform(asked: TrainerTask): Promise<void> {
  if (asked.type === 'measure') {
    for (const [k, bytes] of asked.pictures.entries())
      if (!isCancelled()) await send({ type: 'measured', features: await readFeatures(bytes, k + 1, encode) });
    return;
  }
  const startMs = spanTimeMs();
  const source = { model: await loadModel(manifest), variant, sessions };
  if (asked.type === 'export') {
    await send({ type: 'exported', adapter: adapterOfCheckpoint(source, asked.request, asked.checkpoint) });
    return;
  }
  await send({ type: 'stage', stage: 'load', startMs, endMs: spanTimeMs() });
  await trainAdapter(source, asked.request, asked.from, { emit: send, isCancelled });
}

/** The latent of a picture; undefined for a model that generates from noise only. */
async function encode(bytes: Uint8Array, number: number): Promise<{ channels: number; data: Float32Array } | undefined> {
  const { encoder } = manifest.graphs;
  const native = manifest.nativeSidePx;
  if (!encoder) return undefined;
  const square = await readSquare(bytes, native, number);
  const { latent } = await sessions.run(path.join(manifest.folder, encoder.file), encoder, {
    picture: floats(planesOf(square), 1, 3, native, native),
  });
  return { channels: manifest.latent.channels, data: numbers(latent) };
}
