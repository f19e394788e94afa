/** The thread of the engine in process. Calls run one after the other: two at once would share the same cores. */
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import type { GenerateUpdate, UpscaleUpdate } from '../diffusion-engine.js';
import { Pipeline } from '../flow/pipeline.js';
import { LocalSessions } from './local-sessions.js';
import { describeError } from './worker-errors.js';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-protocol.js';

if (!parentPort) throw new Error('onnx.worker runs as a worker thread only');
const port = parentPort;
const { manifests, threads }: WorkerSetup = workerData;
const sessions = new LocalSessions(threads);
const pipeline = new Pipeline(manifests, sessions);
sharp.concurrency(1);
sharp.cache(false);

let queue: Promise<void> = Promise.resolve();

port.on('message', (message: ToWorker) => {
  queue = queue.then(() => handle(message));
});

async function handle(message: ToWorker): Promise<void> {
  if (message.type === 'close') {
    await sessions.release();
    port.close();
    return;
  }
  const { callId } = message;
  try {
    if (message.type === 'warm') await Promise.all((await pipeline.graphFiles(message.modelId)).map((file) => sessions.load(file)));
    else if (message.type === 'cutOut') sendUpdate(callId, await pipeline.cutOut(message.modelId, message.picture));
    else {
      const flag = new Int32Array(message.cancelFlag);
      const isCancelled = () => Atomics.load(flag, 0) !== 0;
      if (message.type === 'upscale') {
        const { modelId, picture, size } = message;
        const emit = (update: UpscaleUpdate) =>
          sendUpdate(callId, update.type === 'image' ? { requestId: '', index: 0, ...update } : update);
        await pipeline.upscale(modelId, { picture, size, emit, isCancelled });
      } else {
        const { batch, askedMs } = message;
        await pipeline.generate({ batch, askedMs, emit: (update) => sendUpdate(callId, update), isCancelled });
      }
    }
    send({ type: 'done', callId });
  } catch (error) {
    send({ type: 'failed', callId, ...describeError(error, { reason: 'painting_failed', message: 'The picture could not be painted.' }) });
  }
}

function sendUpdate(callId: number, update: GenerateUpdate): void {
  const message: FromWorker = { type: 'update', callId, update };
  port.postMessage(message, 'image' in update && update.image.bytes.buffer instanceof ArrayBuffer ? [update.image.bytes.buffer] : []);
}

function send(message: FromWorker): void {
  port.postMessage(message);
}
