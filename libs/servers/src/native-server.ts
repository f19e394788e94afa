import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { installedOnce, lastLine, programOnPath } from './installations.js';
import { Keeper } from './keeper.js';
import { until } from './loopback.js';
import type { Command, Installation, Launch, ServerRecipe } from './running-server.js';

/** The slowest one, a broker on a busy machine, takes ten seconds. */
const readyWithinMs = 120_000;

/** What `startServer` turns into a running server: one that can be started again on the same data and port. */
export type Engine = {
  start(): Promise<void>;
  kill(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  remove(): Promise<void>;
};

/** Fetches the programs if they are not there yet. */
export async function installNatively({ name, native }: ServerRecipe): Promise<Installation> {
  const program = programOnPath(native.program);
  if (program !== undefined) return { program };
  const folder = await installedOnce(native.installation, async (unfinished) => {
    try {
      await native.install(unfinished);
    } catch (error) {
      throw new Error(
        `${name} could not be installed here: start Docker, or install ${native.needs}. (${error instanceof Error ? error.message : String(error)})`,
        { cause: error },
      );
    }
  });
  return { folder };
}

export class NativeServer implements Engine {
  private child: ChildProcess | undefined;
  private keeper: Keeper | undefined;

  constructor(
    private readonly recipe: ServerRecipe,
    private readonly installation: Installation,
    private readonly launch: Launch,
    private readonly isTemporary: boolean,
  ) {}

  async start(): Promise<void> {
    this.keeper ??= new Keeper(this.isTemporary ? this.launch.dataDir : undefined);
    const command = await this.recipe.native.command({ ...this.launch, installation: this.installation });
    const log = path.join(this.launch.dataDir, `${this.recipe.name}.log`);
    this.child = await spawnServer(command, log);
    this.keeper.watchOver(this.child.pid);
    await this.waitUntilReady(this.child, log);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || hasEnded(child)) return;
    // Nothing else may keep this process alive until it has.
    child.ref();
    const ended = once(child, 'exit');
    signalGroup(child, 'SIGKILL');
    await ended;
    this.keeper?.watchOver(undefined);
  }

  async pause(): Promise<void> {
    if (this.child) signalGroup(this.child, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.child) signalGroup(this.child, 'SIGCONT');
  }

  /** After `kill`, when it will not be started again. */
  async remove(): Promise<void> {
    this.keeper?.dismiss();
    this.keeper = undefined;
  }

  private async waitUntilReady(child: ChildProcess, log: string): Promise<void> {
    const isReady = await until(() => this.recipe.isReady(this.launch.port), {
      withinMs: readyWithinMs,
      isHopeless: () => hasEnded(child),
    });
    if (isReady) return;
    const output = lastLine(await fs.readFile(log, 'utf8').catch(() => ''));
    throw new Error(
      `${this.recipe.name} ${hasEnded(child) ? 'ended' : 'did not answer in time'} instead of starting: ${output || 'it printed nothing'}`,
    );
  }
}

/** With all that it has started: each server leads a group of its own. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Its output goes to a file: a pipe would tie it to our event loop, and fill up. */
async function spawnServer({ program, args, env = {} }: Command, log: string): Promise<ChildProcess> {
  const output = openSync(log, 'a');
  try {
    // A group of its own: Ctrl-C in the terminal is for the tests, which then stop their servers.
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', output, output], detached: true });
    await once(child, 'spawn');
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}
