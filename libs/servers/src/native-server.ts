import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { installedOnce, lastLine, programOnPath } from './installations.js';
import { until } from './loopback.js';
import type { Command, Installation, Launch, ServerRecipe } from './running-server.js';

/** The slowest one, a broker on a busy machine, takes ten seconds. */
const readyWithinMs = 60_000;

/** What `startServer` turns into a running server: one that can be started again on the same data and port. */
export type Engine = { start(): Promise<void>; kill(): Promise<void> };

/** Fetches the programs if they are not there yet. */
export async function installNatively({ name, native }: ServerRecipe): Promise<Installation> {
  const program = programOnPath(native.program);
  if (program !== undefined) return { program };
  const folder = await installedOnce(native.installation, async (unfinished) => {
    try {
      await native.install(unfinished);
    } catch (error) {
      throw new Error(`${name} could not be installed here: start Docker, or install ${native.needs}. (${error instanceof Error ? error.message : String(error)})`, { cause: error });
    }
  });
  return { folder };
}

export class NativeServer implements Engine {
  private running: { readonly child: ChildProcess; readonly keeper: ChildProcess } | undefined;

  constructor(
    private readonly recipe: ServerRecipe,
    private readonly installation: Installation,
    private readonly launch: Launch,
    private readonly isTemporary: boolean,
  ) {}

  async start(): Promise<void> {
    const command = await this.recipe.native.command({ ...this.launch, installation: this.installation });
    const log = path.join(this.launch.dataDir, `${this.recipe.name}.log`);
    const child = await spawnServer(command, log);
    this.running = { child, keeper: spawnKeeper(child.pid ?? 0, this.isTemporary ? this.launch.dataDir : '') };
    await this.waitUntilReady(child, log);
  }

  async kill(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (running === undefined) return;
    running.keeper.kill('SIGKILL');
    if (hasEnded(running.child)) return;
    // Nothing else may keep this process alive until it has.
    running.child.ref();
    const ended = once(running.child, 'exit');
    running.child.kill('SIGKILL');
    await ended;
  }

  private async waitUntilReady(child: ChildProcess, log: string): Promise<void> {
    const isReady = await until(() => this.recipe.isReady(this.launch.port), { withinMs: readyWithinMs, isHopeless: () => hasEnded(child) });
    if (isReady) return;
    const words = lastLine(await fs.readFile(log, 'utf8').catch(() => ''));
    throw new Error(`${this.recipe.name} ${hasEnded(child) ? 'ended' : 'did not answer in time'} instead of starting: ${words || 'it said nothing'}`);
  }
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

/**
 * A shell that reads a pipe of ours. However this process ends, kill -9 included, the pipe closes, and the keeper kills the server and removes its temporary folder. Works
 * on every system with a shell, unlike a parent-death signal.
 */
function spawnKeeper(pid: number, folder: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || { sleep 0.2; rm -rf "$2"; }';
  const keeper = spawn('/bin/sh', ['-c', script, 'tessera-server-keeper', String(pid), folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  keeper.unref();
  const pipe = keeper.stdin as unknown as { unref?(): void; on(event: 'error', listener: () => void): void };
  pipe.unref?.();
  // Closing the pipe of a keeper that we have killed ourselves is no failure.
  pipe.on('error', () => undefined);
  return keeper;
}
