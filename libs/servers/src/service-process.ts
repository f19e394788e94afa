import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Keeper } from './keeper.js';

/** A start includes loading all modules on a busy machine. */
const readyWithinMs = 120_000;
const outputCharsKept = 10_000;
/** First pause before a process that died is started again; doubled with every further death in a row, as Kubernetes does. */
const firstRestartMs = 500;
const longestRestartMs = 30_000;

export type ServiceProcessOptions = {
  /** For people: `billing`, `worker-2`. */
  readonly name: string;
  /** Its program and arguments, for Node. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  /** What it prints once it is ready. */
  readonly readyWords: string;
  /** Called with a message when a process that should run has died, and when it runs again. Absent: it is not started again. */
  readonly onDeath?: (message: string) => void;
};

/** One of Tessera's own processes on this machine: the same settings and ports after every restart. */
export class ServiceProcess {
  readonly name: string;
  #child: ChildProcess | undefined;
  #keeper: Keeper | undefined;
  #isWanted = false;
  #deathsInARow = 0;

  constructor(private readonly options: ServiceProcessOptions) {
    this.name = options.name;
  }

  /** Resolves once it has printed `readyWords`; rejects with its last output when it ends or is not ready in time. */
  async start(): Promise<void> {
    this.#isWanted = true;
    const { args, cwd, env, readyWords } = this.options;
    // A process group of its own: Ctrl-C in the terminal reaches only the parent, which then stops it in good order.
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    this.#keeper ??= new Keeper();
    this.#keeper.watchOver(child.pid);
    const lastLine = await untilReady(child, this.name, readyWords);
    this.#deathsInARow = 0;
    child.once('exit', () => void this.#onExit(lastLine()));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Memory in RAM; 0 when it does not run, or where the system does not report it. */
  async residentBytes(): Promise<number> {
    const status = await fs.readFile(`/proc/${this.pid}/status`, 'utf8').catch(() => '');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Time on a processor since its start, all threads; 0 where the system does not report it. */
  async cpuSeconds(): Promise<number> {
    const stat = await fs.readFile(`/proc/${this.pid}/stat`, 'utf8').catch(() => '');
    // utime and stime, the 14th and 15th field of proc(5), in hundredths; the second field may hold spaces.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) / 100;
  }

  /** SIGKILL, without a warning; only `start` starts it again. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks it to end in good order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      process.kill(-child.pid, signal);
      await ended;
    }
    this.#keeper?.dismiss();
    this.#keeper = undefined;
  }

  async #onExit(lastOutput: string): Promise<void> {
    const { onDeath } = this.options;
    if (!this.#isWanted || onDeath === undefined) return;
    const pauseMs = Math.min(longestRestartMs, firstRestartMs * 2 ** this.#deathsInARow);
    onDeath(`${this.name} has ended and starts again in ${pauseMs} ms${lastOutput ? `: ${lastOutput}` : ''}`);
    await delay(pauseMs);
    if (!this.#isWanted) return;
    const deaths = this.#deathsInARow + 1;
    try {
      await this.start();
      onDeath(`${this.name} runs again`);
    } catch (error) {
      this.#deathsInARow = deaths;
      await this.#onExit(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Resolves with a function that returns the last line of its output so far. */
function untilReady(child: ChildProcess, name: string, readyWords: string): Promise<() => string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`${name} was not ready after ${readyWithinMs / 1000} s:\n${output}`)), readyWithinMs);
    const listen = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputCharsKept);
      if (!output.includes(readyWords)) return;
      clearTimeout(timer);
      resolve(() => output.trimEnd().split('\n').at(-1) ?? '');
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-outputCharsKept)));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`${name} ended with ${signal ?? code} before it was ready:\n${output}`));
    });
  });
}
