import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const schema = z.object({ url: z.url(), grpcUrl: z.string(), pid: z.number().int().positive(), startedMs: z.number() });

/** What a running `tessera up` tells the commands beside it. */
export type RunningServer = z.infer<typeof schema>;

/** A server on this machine answers within a blink or is stuck; a longer wait would only delay the command. */
const healthDeadlineMs = 2_000;

const fileOf = (dataDir: string) => path.join(dataDir, 'server.json');

/** Whole or not at all: a reader must never see half a file. */
export function announceServer(dataDir: string, server: RunningServer): void {
  const file = fileOf(dataDir);
  writeFileSync(`${file}.${server.pid}`, `${JSON.stringify(server)}\n`, { mode: 0o600 });
  renameSync(`${file}.${server.pid}`, file);
}

/** Takes back only what this process wrote: another server may have announced itself meanwhile. */
export function withdrawServer(dataDir: string, pid: number): void {
  if (readServerFile(dataDir)?.pid === pid) rmSync(fileOf(dataDir), { force: true });
}

export function readServerFile(dataDir: string): RunningServer | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(fileOf(dataDir), 'utf8')));
  } catch {
    return undefined;
  }
}

/** A process id may have been given to a stranger after a crash, so the server must also answer. */
export async function findRunningServer(dataDir: string): Promise<RunningServer | undefined> {
  const server = readServerFile(dataDir);
  if (!server || !isAlive(server.pid)) return undefined;
  try {
    const answer = await fetch(new URL('/healthz', server.url), { signal: AbortSignal.timeout(healthDeadlineMs) });
    await answer.body?.cancel();
    return answer.ok ? server : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
