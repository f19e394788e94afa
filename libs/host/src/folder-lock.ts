import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Keeps a second process of the same service off a data folder. The lock is SQLite's own file lock: the operating system drops it when the process dies,
 * however it dies, so nothing stale is left behind (a pid file would survive kill -9).
 */
export function lockFolder(dataDir: string, service: string): () => void {
  const folder = path.join(dataDir, 'locks');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(path.join(folder, `${service}.lock`), { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE;');
  } catch {
    lock.close();
    throw new FolderInUseError(dataDir, service);
  }
  return () => lock.close();
}

export class FolderInUseError extends Error {
  constructor(
    readonly dataDir: string,
    service: string,
  ) {
    super(`Another Tessera process runs "${service}" on ${dataDir}. Stop it, or choose another folder with --data.`);
    this.name = 'FolderInUseError';
  }
}
