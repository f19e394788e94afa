import fs from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './installations.js';

/** Unpacks packages of the machine's own Debian or Ubuntu into a folder: no root needed, and nothing of the system changes. */
export async function unpackDebianPackages(folder: string, packages: readonly string[]): Promise<void> {
  const download = () => runProgram('apt-get', ['download', ...packages], { cwd: folder });
  // A fresh container has no package lists; only root may fetch them.
  await download().catch(async () => {
    await runProgram('apt-get', ['update']);
    await download();
  });
  for (const name of await fs.readdir(folder)) {
    if (!name.endsWith('.deb')) continue;
    await runProgram('dpkg', ['-x', name, '.'], { cwd: folder });
    await fs.rm(path.join(folder, name));
  }
}

/** The folders of an unpacked package's libraries, as the dynamic linker wants them. */
export async function libraryPath(folder: string): Promise<string> {
  const libraries = path.join(folder, 'usr', 'lib');
  const names = await fs.readdir(libraries);
  return names
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => path.join(libraries, name))
    .join(':');
}
