import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId } from '@tessera/platform/ids.js';

/** Mints a secret into a file of the data folder, or reads the one that an earlier or parallel start has put there. Written aside and linked, so that nobody ever reads half of it. */
export async function secretFromFile(dataDir: string, name: string, mint: () => string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const file = path.join(dataDir, name);
  const draft = `${file}.${process.pid}.${newId()}`;
  await writeFile(draft, `${mint()}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return (await readFile(file, 'utf8')).trim();
}
