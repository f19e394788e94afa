import { cancelled, unavailable, type TesseraError } from '@tessera/platform/errors.js';
import { startSpan } from '@tessera/platform/telemetry/span.js';
import type { Family } from '@tessera/models/families.js';
import { checkContents } from './check-contents.js';
import type { Task } from './contract.js';
import { PythonProcess, type PythonOptions } from './python-process.js';
import { type Answer, RemoteTasks } from './remote-tasks.js';
import type { Bundle } from './tensor-bundle.js';

/** Pause after the second death in a row, doubled with every further one. After the first one there is none: what was lost with it is tried again soon. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;
const describedWithinMs = 30_000;

/** A child process of ours with the Python package of `deploy/python`: started when first needed, and again by the next task when it has died. */
export class PythonTasks extends RemoteTasks {
  override readonly name: string;
  #process: PythonProcess | undefined;
  #deathsInARow = 0;
  #mayStartMs = 0;
  #lastDeath: TesseraError | undefined;
  #isClosed = false;

  constructor(private readonly options: PythonOptions) {
    super();
    this.name = `The Python process of ${options.program}`;
  }

  override async *run(task: Task, tensors: Bundle, signal: AbortSignal): AsyncGenerator<Answer> {
    const span = startSpan('tessera_diffusion', { kind: 'client', attributes: { 'tessera.python.task': task.task } });
    try {
      const child = this.#living();
      await readyOrAborted(child, signal);
      yield* child.run(task, tensors, signal);
      this.#deathsInARow = 0;
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      span.end();
    }
  }

  override check(families: readonly Family[]): Promise<void> {
    return checkContents(this, families, describedWithinMs);
  }

  override close(): void {
    this.#isClosed = true;
    this.#process?.kill();
  }

  #living(): PythonProcess {
    if (this.#isClosed) throw unavailable('engine_unavailable', 'The engine has been closed.');
    if (this.#process && !this.#process.isOver) return this.#process;
    const pauseMs = Math.ceil(this.#mayStartMs - performance.now());
    // Not waited for: who asks has jobs to hand back, and this may not get better by itself.
    if (this.#lastDeath && pauseMs > 0)
      throw unavailable('engine_unavailable', this.#lastDeath.message, { retryAfterMs: pauseMs, cause: this.#lastDeath });
    this.#process = new PythonProcess(this.options, (error, lastLines) => this.#onDeath(error, lastLines));
    return this.#process;
  }

  #onDeath(error: TesseraError, lastLines: readonly string[]): void {
    this.#deathsInARow += 1;
    const pauseMs = this.#deathsInARow < 2 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#deathsInARow - 2));
    this.#mayStartMs = performance.now() + pauseMs;
    this.#lastDeath = error;
    this.options.logger.error({ err: error, lastLines, pauseMs }, 'the Python process is gone; the next picture starts another');
  }
}

/** Becoming ready has a deadline of its own; the signal is the caller's. */
function readyOrAborted(child: PythonProcess, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled('painting_cancelled', 'The painting was cancelled.'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    child.ready.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
