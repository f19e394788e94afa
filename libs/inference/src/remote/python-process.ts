import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, receivedRefusal, unavailable, type TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { contractVersion, engineEvent, type Task } from './contract.js';
import { framesOf, packFrame } from './frames.js';
import type { Answer } from './remote-tasks.js';
import { packTensors, type Bundle } from './tensor-bundle.js';

export type PythonOptions = {
  /** A Python that has the packages, as a name on PATH or a file: `python3`, `/opt/tessera/venv/bin/python`. */
  readonly program: string;
  readonly modelsDir: string;
  readonly threads: number;
  readonly logger: Logger;
};

/** The folder that holds the package; this file runs from `libs/inference/dist/remote`. */
const packageFolder = path.resolve(import.meta.dirname, '../../../../deploy/python');
/** Where there is a GPU, torch is loaded before the first answer: from a cold disk that takes a minute. */
const readyWithinMs = 180_000;
/** While it works on anything, `alive` comes every five seconds. */
const silenceMsMax = 60_000;
const lastLinesMax = 20;
const lineCharsMax = 2_000;
/** How the package marks what an operator should see. */
const errorMark = 'ERROR: ';

const firstFrame = z.discriminatedUnion('ready', [
  z.object({ ready: z.literal(true), contract: z.int(), device: z.string(), python: z.string() }),
  z.object({ ready: z.literal(false), missing: z.string() }),
]);
const refusal = z.object({
  kind: z.enum(['InvalidArgument', 'Unavailable', 'Cancelled', 'Internal']),
  reason: z.string(),
  sentence: z.string(),
});
const laterFrame = z.union([
  z.object({ id: z.int(), end: z.literal(true), refusal: refusal.optional() }),
  z.object({ id: z.int(), event: engineEvent }),
]);

/** What of them the process may lack when it starts: torch, where it is installed in part. */
const diffusersPackages = /^(torch|diffusers|transformers|accelerate|peft)\b/;
const install = (program: string, file: string) => `${program} -m pip install -r ${path.join(packageFolder, file)}`;

const lost = (sentence: string, cause?: unknown) => unavailable('engine_unavailable', sentence, { cause });

/** Our own settings hold secrets, and the code that is loaded with a model need not see them. */
const childSettings = /^TESSERA_(ENGINE_DEVICE|ADAPTERS_)/;

function environmentOf({ modelsDir, threads }: PythonOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TESSERA_') || childSettings.test(name));
  const pythonPath = [packageFolder, process.env['PYTHONPATH']].filter(Boolean).join(path.delimiter);
  return { ...Object.fromEntries(inherited), PYTHONPATH: pythonPath, TESSERA_MODELS: modelsDir, TESSERA_ENGINE_THREADS: String(threads) };
}

/** One life of `python -m tessera_diffusion`, from its start to its end. */
export class PythonProcess {
  /** Rejects with a sentence that says what to do when it cannot start. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #calls = new Map<number, BoundedBuffer<Answer>>();
  readonly #lastLines: string[] = [];
  #settleReady: { readonly resolve: () => void; readonly reject: (error: TesseraError) => void } | undefined;
  #silence: NodeJS.Timeout | undefined;
  #nextId = 1;
  #end: TesseraError | undefined;

  constructor(
    private readonly options: PythonOptions,
    /** Called once, with why and with its last lines; not after `kill`. */
    private readonly onDeath: (error: TesseraError, lastLines: readonly string[]) => void,
  ) {
    this.ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }));
    // Who waits for it hears of it; perhaps nobody waits.
    this.ready.catch(() => undefined);
    // A group of its own: Ctrl-C in a terminal reaches only us, and we decide when it ends, with all that it has started.
    this.#child = spawn(options.program, ['-m', 'tessera_diffusion'], { env: environmentOf(options), stdio: 'pipe', detached: true });
    this.#watch(readyWithinMs);
    this.#child.once('error', (error: NodeJS.ErrnoException) => this.#die(unstartable(options.program, error)));
    // What it had started must not hold its pipes open.
    this.#child.once('exit', () => killGroup(this.#child.pid));
    const read = this.#read();
    // After its pipes and what they held: what it has said last is known then.
    this.#child.once('close', (code, signal) => {
      void read.then(() => this.#die(lost(`${this.#name} has ended with ${signal ?? `code ${code}`}${this.#lastWords()}.`)));
    });
    // Its death is told by `close`; what was still being written to it is of no use then.
    this.#child.stdin.on('error', () => undefined);
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#log(line.slice(0, lineCharsMax)));
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** One task and all that comes of it. The process must be ready. */
  async *run(task: Task, tensors: Bundle, signal: AbortSignal): AsyncGenerator<Answer> {
    if (this.#end) throw this.#end;
    const id = this.#nextId++;
    // Bounded by the call itself: steps, and pictures with their previews.
    const answers = new BoundedBuffer<Answer>({ itemsMax: Number.POSITIVE_INFINITY });
    this.#calls.set(id, answers);
    this.#watch();
    this.#write({ id, task }, tensors.size === 0 ? undefined : packTensors(tensors));
    try {
      for (let answer = await answers.next(signal); answer; answer = await answers.next(signal)) yield answer;
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    } finally {
      if (this.#calls.delete(id)) this.#write({ id, cancel: true });
    }
  }

  /** At once: what it is doing is of no use to anybody. */
  kill(): void {
    this.#finish(lost('The engine has been closed.'));
  }

  get #name(): string {
    return `The Python process of ${this.options.program}`;
  }

  #write(message: object, bytes?: Uint8Array): void {
    for (const piece of packFrame(message, bytes)) this.#child.stdin.write(piece);
  }

  async #read(): Promise<void> {
    try {
      for await (const { message, bytes } of framesOf(this.#child.stdout)) {
        if (this.#settleReady) this.#begin(firstFrame.parse(message));
        else this.#answer(laterFrame.parse(message), bytes);
        this.#watch();
      }
    } catch (error) {
      // Cut off with the process, whose end is told by `close`.
      if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
      this.#die(lost(`${this.#name} has written something that is no answer.`, error));
    }
  }

  #begin(first: z.infer<typeof firstFrame>): void {
    if (!first.ready) return this.#die(withoutPackage(this.options.program, first.missing));
    const { contract, device, python } = first;
    if (contract !== contractVersion)
      return this.#die(
        lost(
          `${packageFolder} speaks version ${contract} of the contract and this worker version ${contractVersion}: deploy both from the same release.`,
        ),
      );
    this.options.logger.info({ device, python, pythonPid: this.#child.pid }, 'the Python process is ready');
    this.#settleReady?.resolve();
    this.#settleReady = undefined;
  }

  /** Those of a call that nobody listens to any more are ignored. */
  #answer(frame: z.infer<typeof laterFrame>, payload: Uint8Array): void {
    const call = this.#calls.get(frame.id);
    if (!call) return;
    if ('event' in frame) {
      if (frame.event.type !== 'alive') call.push({ event: frame.event, payload });
      return;
    }
    this.#calls.delete(frame.id);
    const { refusal: said } = frame;
    call.end(said && receivedRefusal(said.kind, said.reason, said.sentence));
  }

  /** While something is awaited of it, it may not be silent for longer. */
  #watch(withinMs = silenceMsMax): void {
    clearTimeout(this.#silence);
    if (this.#end || (this.#calls.size === 0 && !this.#settleReady)) return;
    this.#silence = setTimeout(() => this.#die(lost(`${this.#name} has been silent for ${withinMs / 1000} s.`)), withinMs);
  }

  #log(line: string): void {
    if (line.trim() === '') return;
    if (this.#lastLines.push(line) > lastLinesMax) this.#lastLines.shift();
    if (line.startsWith(errorMark)) this.options.logger.error({ pythonPid: this.#child.pid }, line.slice(errorMark.length));
    else this.options.logger.info({ pythonPid: this.#child.pid }, line);
  }

  #lastWords(): string {
    const words = this.#lastLines.at(-1)?.replace(/\.$/, '');
    return this.#settleReady && words !== undefined ? ` before it was ready: ${words}` : '';
  }

  #die(error: TesseraError): void {
    if (this.#end) return;
    this.#finish(error);
    this.onDeath(error, this.#lastLines);
  }

  #finish(error: TesseraError): void {
    if (this.#end) return;
    this.#end = error;
    clearTimeout(this.#silence);
    if (this.#child.exitCode === null && this.#child.signalCode === null) killGroup(this.#child.pid);
    this.#settleReady?.reject(error);
    for (const call of this.#calls.values()) call.end(error);
    this.#calls.clear();
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended already, and everything that it had started, too.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const unstartable = (program: string, error: NodeJS.ErrnoException): TesseraError =>
  lost(
    error.code === 'ENOENT'
      ? `There is no program "${program}": install Python 3.11 or newer, or set TESSERA_PYTHON to one, and then ${install(program, 'requirements.txt')}.`
      : `${program} cannot be started (${error.message}): set TESSERA_PYTHON to a Python 3.11 or newer.`,
    error,
  );

const withoutPackage = (program: string, missing: string): TesseraError =>
  lost(
    `${program} has no package "${missing}": ${install(program, diffusersPackages.test(missing) ? 'requirements-diffusers.txt' : 'requirements.txt')}.`,
  );
