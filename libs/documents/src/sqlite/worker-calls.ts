import { Worker } from 'node:worker_threads';
import { TesseraError, unavailable, type ErrorDetails } from '@tessera/platform/errors.js';
import type { Refusal, WorkerAnswer, WorkerCall } from './protocol.js';

/** A worker answers in order, so what waits here is what its callers allow; this bound only catches a worker that hangs. */
const callsWaitingMax = 4096;

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: unknown) => void };

export const errorOf = ([kind, reason, message]: Refusal, details?: ErrorDetails): TesseraError =>
  new TesseraError(kind, reason, message, details);

/** Calls into a worker thread: each gets exactly one answer, also when the thread dies. */
export class WorkerCalls<Request> {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly hasExited: Promise<void>;
  private lastCallId = 0;
  private end: TesseraError | undefined;

  constructor(entry: URL) {
    this.worker = new Worker(entry);
    this.worker.on('message', (answer: WorkerAnswer) => this.settle(answer));
    this.worker.on('error', (error) =>
      this.fail(unavailable('store_unavailable', 'A thread of the document store has failed.', { cause: error })),
    );
    this.hasExited = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.fail(unavailable('store_closed', 'The document store is closed.'));
        resolve();
      });
    });
  }

  async call(request: Request): Promise<unknown> {
    if (this.end !== undefined) throw this.end;
    if (this.waiting.size >= callsWaitingMax)
      throw unavailable('store_overloaded', 'The document store has more work waiting than it takes on.');
    return new Promise((resolve, reject) => {
      const callId = ++this.lastCallId;
      this.waiting.set(callId, { resolve, reject });
      this.worker.postMessage({ callId, request } satisfies WorkerCall<Request>);
    });
  }

  /** For a worker whose last request was to close: waits until its thread is gone. */
  async exited(): Promise<void> {
    await this.hasExited;
  }

  private settle({ callId, value, refusal }: WorkerAnswer): void {
    const call = this.waiting.get(callId);
    this.waiting.delete(callId);
    if (refusal === undefined) call?.resolve(value);
    else call?.reject(errorOf(refusal));
  }

  private fail(error: TesseraError): void {
    this.end ??= error;
    for (const call of this.waiting.values()) call.reject(this.end);
    this.waiting.clear();
  }
}
