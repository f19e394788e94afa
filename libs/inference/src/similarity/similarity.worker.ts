/** The thread of the bundled measure. Calls run one after the other: two at once would share the same cores. */
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { LocalSessions } from '../onnx/local-sessions.js';
import { describeError } from '../onnx/worker-errors.js';
import { MosaicMeasure } from './mosaic-measure.js';
import type { FromMeasure, MeasureSetup, ToMeasure } from './similarity-protocol.js';

if (!parentPort) throw new Error('similarity.worker runs as a worker thread only');
const port = parentPort;
const { manifest, threads }: MeasureSetup = workerData;
const sessions = new LocalSessions(threads);
const measure = new MosaicMeasure(manifest, sessions);
sharp.concurrency(1);
sharp.cache(false);

const send = (message: FromMeasure) => port.postMessage(message);
let queue: Promise<void> = Promise.resolve();

port.on('message', (message: ToMeasure) => {
  queue = queue.then(() => handle(message));
});

async function handle(message: ToMeasure): Promise<void> {
  if (message.type === 'close') {
    await sessions.release();
    port.close();
    return;
  }
  const { callId, references, picture } = message;
  try {
    send({ type: 'measured', callId, likeness: await measure.compare(references, picture) });
  } catch (error) {
    const unexpected = { reason: 'similarity_failed', message: 'The picture could not be compared with its references.' } as const;
    send({ type: 'failed', callId, ...describeError(error, unexpected) });
  }
}
