import fs from 'node:fs/promises';
import path from 'node:path';

/** Folders that are known to be on the disk. Forgetting one costs a mkdir and an fsync; one job is one folder, so old ones are rarely needed again. */
const knownFoldersMax = 4096;

export const hasCode = (error: unknown, ...codes: readonly string[]): boolean => codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');

/** Makes folders, and makes names in folders survive a power cut: a rename is durable only after an fsync of the folder, and a folder only after one of its parent. */
export class DurableFolders {
  private readonly known = new Set<string>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly waiting = new Map<string, Promise<void>>();

  constructor(private readonly root: string) {}

  /** Makes the folder and all above it. Somebody may remove them again before they are used: that ENOENT is for the caller to retry. */
  async make(folder: string): Promise<void> {
    if (folder === this.root || this.known.has(folder)) return;
    await this.make(path.dirname(folder));
    try {
      await fs.mkdir(folder, { mode: 0o700 });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }

  /** Afterwards the names in the folder, and the folder itself, survive a power cut. The fsyncs run side by side, for only their sum matters: the file system writes them as one. */
  async settle(folder: string): Promise<void> {
    const isNew = (at: string): boolean => at !== this.root && !this.known.has(at);
    const made: string[] = [];
    for (let at = folder; isNew(at); at = path.dirname(at)) made.push(at);
    await Promise.all([this.sync(folder), ...made.map((at) => this.sync(path.dirname(at)))]);
    for (const at of made) this.remember(at);
  }

  private remember(folder: string): void {
    const [oldest] = this.known;
    if (this.known.size >= knownFoldersMax && oldest !== undefined) this.known.delete(oldest);
    this.known.add(folder);
  }

  /** The folder and all above it have to be looked at again. */
  forget(folder: string): void {
    for (let at = folder; at !== this.root; at = path.dirname(at)) this.known.delete(at);
  }

  /** Removes the folder, and those above it, for as long as they are empty. */
  async prune(folder: string): Promise<void> {
    for (let at = folder; at !== this.root; at = path.dirname(at)) {
      try {
        await fs.rmdir(at);
        this.known.delete(at);
      } catch (error) {
        if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return;
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
  }

  /** An fsync that begins after the call; calls that arrive while one runs share the next. */
  sync(folder: string): Promise<void> {
    const running = this.running.get(folder);
    if (!running) return this.begin(folder);
    const waiting = this.waiting.get(folder) ?? running.then(() => this.beginWaiting(folder), () => this.beginWaiting(folder));
    this.waiting.set(folder, waiting);
    return waiting;
  }

  private beginWaiting(folder: string): Promise<void> {
    this.waiting.delete(folder);
    return this.begin(folder);
  }

  private begin(folder: string): Promise<void> {
    const sync = fsyncFolder(folder).finally(() => {
      if (this.running.get(folder) === sync) this.running.delete(folder);
    });
    this.running.set(folder, sync);
    return sync;
  }
}

async function fsyncFolder(folder: string): Promise<void> {
  let handle;
  try {
    handle = await fs.open(folder, 'r');
  } catch (error) {
    // A folder that is gone was emptied by a delete after the rename: there is nothing left to keep.
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
