import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * A shell that reads process ids from a pipe of ours. However this process ends, kill -9 included, the pipe closes, and the keeper kills the server whose process id it has read last, with all that this one has started (each leads a group of its own),
 * and removes the temporary folder. Works on every system with a shell, unlike a parent-death signal.
 */
export class Keeper {
  private static readonly script =
    'while read -r next; do pid=$next; done; [ -z "$pid" ] || { kill -9 "-$pid" 2>/dev/null; sleep 0.2; }; [ -z "$1" ] || rm -rf "$1"';
  private readonly shell: ChildProcess;

  constructor(temporaryFolder = '') {
    this.shell = spawn('/bin/sh', ['-c', Keeper.script, 'tessera-server-keeper', temporaryFolder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.shell.unref();
    // Writing to a keeper that is gone already is no failure of the server's.
    this.shell.stdin?.on('error', () => undefined);
    (this.shell.stdin as Socket | null)?.unref();
  }

  watchOver(pid: number | undefined): void {
    this.shell.stdin?.write(`${pid ?? ''}\n`);
  }

  dismiss(): void {
    this.shell.kill('SIGKILL');
  }
}
