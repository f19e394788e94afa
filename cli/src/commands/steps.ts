import { spawn } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from '../places.js';

export type StepResult = { readonly code: number; readonly output: string };

type ToolOptions = {
  readonly nodeArgs?: readonly string[];
  readonly shows?: 'stderr';
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** Enough to show every finding of a broken tree; beyond it the end matters more than the beginning. */
const outputCharsMax = 4 * 1024 * 1024;

/** Runs one of the installed tools (in the repository's root, unless told otherwise) and keeps what it printed. */
export function runTool(tool: string, args: readonly string[], { nodeArgs = [], ...options }: ToolOptions = {}): Promise<StepResult> {
  return runCommand(process.execPath, [...nodeArgs, tool, ...args], options);
}

/** The same of any program. */
export function runCommand(
  program: string,
  args: readonly string[],
  { shows, env = {}, cwd = repositoryRoot }: Omit<ToolOptions, 'nodeArgs'> = {},
): Promise<StepResult> {
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY && !process.env['NO_COLOR'] ? '1' : '0', ...env },
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputCharsMax);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  if (shows) child[shows].pipe(process[shows], { end: false });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The file behind `node_modules/.bin/<name>`. */
export const toolFile = (name: string) => path.join(repositoryRoot, 'node_modules/.bin', name);
