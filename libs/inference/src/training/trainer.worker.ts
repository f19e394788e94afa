/** One training in a thread of its own; the thread ends with it. */
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { loadModel } from '../flow/model.js';
import { LocalSessions } from '../onnx/local-sessions.js';
import { trainAdapter } from './train-adapter.js';
import type { FromTrainer, TrainerSetup } from './trainer-protocol.js';
import { describeError } from '../onnx/worker-errors.js';

if (!parentPort) throw new Error('trainer.worker runs as a worker thread only');
const port = parentPort;
const { manifest, variant, threads, request, cancelFlag }: TrainerSetup = workerData;
sharp.concurrency(1);
sharp.cache(false);

const send = (message: FromTrainer) => port.postMessage(message);
const flag = new Int32Array(cancelFlag);
const sessions = new LocalSessions(threads);
try {
  await trainAdapter(
    await loadModel(manifest),
    variant,
    sessions,
    request,
    (update) => send({ type: 'update', update }),
    () => Atomics.load(flag, 0) !== 0,
  );
  send({ type: 'done' });
} catch (error) {
  send({ type: 'failed', ...describeError(error, { reason: 'training_failed', message: 'The adapter could not be trained.' }) });
} finally {
  await sessions.release();
}
