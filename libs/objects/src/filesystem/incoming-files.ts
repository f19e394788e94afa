import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

/** Names this process and this run of it: a process id alone is used again after a restart, always so in a container. */
const processTag = `${process.pid}-${randomBytes(6).toString('hex')}`;
let made = 0;

/** Files that are being written and have no name yet. They lie on the same file system as the objects, so that a rename moves them. */
export class IncomingFiles {
  constructor(private readonly folder: string) {}

  async open(): Promise<void> {
    await fs.mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const name of await fs.readdir(this.folder)) {
      if (isAbandoned(name)) await fs.rm(path.join(this.folder, name), { force: true });
    }
  }

  newPath(): string {
    return path.join(this.folder, `${processTag}-${++made}`);
  }
}

/** Left by a process that is no more. Services that run as processes of their own share the folder, so what a living one writes is left alone. */
function isAbandoned(name: string): boolean {
  const [pid = ''] = name.split('-');
  if (Number(pid) === process.pid) return !name.startsWith(`${processTag}-`);
  return !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
