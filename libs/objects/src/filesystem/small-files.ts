import { Worker } from 'node:worker_threads';
import { unavailable } from '@tessera/platform/errors.js';
import type { SmallPut, SmallPutOutcome } from './small-files.protocol.js';

/** A group is one message to the thread: more would make its first file wait for its last. */
const groupPutsMax = 64;
const groupBytesMax = 8 * 1024 * 1024;
/** Bytes that may wait in memory; beyond it a put is refused at once. */
const waitingBytesMax = 256 * 1024 * 1024;

type Waiting = { readonly put: SmallPut; readonly resolve: (outcome: SmallPutOutcome) => void; readonly reject: (error: unknown) => void };

/**
 * Files that are in memory already are written by one thread, in groups: a thread that makes plain system calls costs a fraction of six trips to the thread pool for
 * each file, and files that arrive together share the journal's flush.
 */
export class SmallFiles {
  private waiting: Waiting[] = [];
  private inFlight: readonly Waiting[] = [];
  private waitingBytes = 0;
  private worker: Worker | undefined;

  put(put: SmallPut): Promise<SmallPutOutcome> {
    if (this.waitingBytes + put.bytes.length > waitingBytesMax)
      throw unavailable('object_store_overloaded', 'More files are waiting to be stored than can be taken on.', { retryAfterMs: 1000 });
    return new Promise((resolve, reject) => {
      this.waiting.push({ put, resolve, reject });
      this.waitingBytes += put.bytes.length;
      if (this.inFlight.length === 0) this.flush();
    });
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private flush(): void {
    const group = this.takeGroup();
    this.inFlight = group;
    const worker = (this.worker ??= this.start());
    worker.ref();
    worker.postMessage(group.map(({ put }) => put));
  }

  private takeGroup(): Waiting[] {
    let taken = 0;
    let bytes = 0;
    for (const { put } of this.waiting) {
      if (taken >= groupPutsMax || (taken > 0 && bytes + put.bytes.length > groupBytesMax)) break;
      taken++;
      bytes += put.bytes.length;
    }
    this.waitingBytes -= bytes;
    return this.waiting.splice(0, taken);
  }

  private start(): Worker {
    const worker = new Worker(new URL('./small-files.worker.js', import.meta.url));
    worker.on('message', (outcomes: readonly SmallPutOutcome[]) => this.settle(outcomes));
    worker.on('error', (error) => this.fail(worker, error));
    worker.on('exit', () => this.fail(worker, undefined));
    return worker;
  }

  private settle(outcomes: readonly SmallPutOutcome[]): void {
    const group = this.inFlight;
    this.inFlight = [];
    for (const [index, { resolve }] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome) resolve(outcome);
    }
    if (this.waiting.length > 0) this.flush();
    // Between groups the thread must not keep the process alive.
    else this.worker?.unref();
  }

  /** Waiting puts are rejected; the next put starts a new thread. */
  private fail(worker: Worker, cause: unknown): void {
    if (this.worker === worker) this.worker = undefined;
    const lost = [...this.inFlight, ...this.waiting];
    this.inFlight = [];
    this.waiting = [];
    this.waitingBytes = 0;
    for (const { reject } of lost) reject(unavailable('object_store_unavailable', 'The thread that stores files has ended.', { cause }));
  }
}
