import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Compiling one server takes two minutes on two busy cores. */
const installWithinMs = 20 * 60_000;
const lockCheckEveryMs = 500;

/** Read here and nowhere else: these servers belong to tests and to trying things, so the product's settings do not know them. */
export const cacheFolder = () => process.env['TESSERA_CACHE'] ?? path.join(os.homedir(), '.cache', 'tessera', 'servers');

/** Where an installation lies, if it has been made. */
export const installedFolder = (name: string): string => path.join(cacheFolder(), name);

/** The folder of an installation that several processes may want at once: made once, complete or absent. */
export async function installedOnce(name: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = installedFolder(name);
  if (existsSync(folder)) return folder;
  await fs.mkdir(path.dirname(folder), { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (existsSync(folder)) return folder;
    const unfinished = await fs.mkdtemp(`${folder}.unfinished-`);
    try {
      const startMs = performance.now();
      process.stderr.write(`• installing ${name} into ${cacheFolder()}\n`);
      await install(unfinished);
      // Two may have taken over a dead process's lock at the same moment; both have made the same.
      if (!existsSync(folder)) await fs.rename(unfinished, folder);
      process.stderr.write(`✓ ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)\n`);
    } finally {
      await fs.rm(unfinished, { recursive: true, force: true });
    }
    return folder;
  } finally {
    await unlock();
  }
}

/** A file with the owner's process id; a dead owner's lock is taken over. */
async function lock(file: string): Promise<() => Promise<void>> {
  const deadlineMs = Date.now() + installWithinMs;
  while (Date.now() < deadlineMs) {
    try {
      await fs.writeFile(file, String(process.pid), { flag: 'wx' });
      return () => fs.rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await fs.readFile(file, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await fs.rm(file, { force: true });
    else await delay(lockCheckEveryMs);
  }
  throw new Error(`Another process has been installing for long; remove ${file} if none is.`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Runs a tool of the machine to its end; a failure ends with its last output. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: installWithinMs });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (complaint = (complaint + chunk.toString()).slice(-lastWordsCharsMax)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args[0] ?? ''} failed: ${tellingLine(complaint || output)}`);
  return output;
}

const lastWordsCharsMax = 2_000;

/** Where a stack trace begins; without one, the last line. */
const tellingLine = (text: string): string =>
  text
    .split('\n')
    .findLast((line) => /^(Caused by|Exception|[\w.]*Error)\b/.test(line))
    ?.trim() ?? lastLine(text);

export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.trim() ?? '';

/** Where a program of that name lies, if this machine has it. */
export function programOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}
