import fs from 'node:fs/promises';
import path from 'node:path';
import { installDiffusers, stubLibraries } from './diffusers-packages.js';
import { installedOnce, runProgram } from './installations.js';

const deployPython = path.resolve(import.meta.dirname, '../../../deploy/python');

/** What the product's Python needs for Mosaic, and what runs its tests. */
async function installPackages(): Promise<string> {
  return installedOnce('python-packages-1', async (folder) => {
    const wanted = ['-r', path.join(deployPython, 'requirements.txt'), 'pytest==9.2.0'];
    const options = ['--quiet', '--no-warn-script-location', '--only-binary', ':all:', '--target', path.join(folder, 'packages')];
    await runProgram('python3', ['-m', 'pip', 'install', ...options, ...wanted]);
  });
}

/** A Python that has them, as TESSERA_PYTHON takes it: a program. With torch, what diffusers needs besides (2 GB). */
export async function pythonPackages({ withTorch = false } = {}): Promise<string> {
  const packages = path.join(await installPackages(), 'packages');
  const diffusers = withTorch ? await installDiffusers() : undefined;
  const [folders, libraries] =
    diffusers === undefined ? [[packages], []] : [[path.join(diffusers, 'packages'), packages], [await stubLibraries()]];
  const folder = await installedOnce(withTorch ? 'python-with-torch-2' : 'python-1', (unfinished) =>
    fs.writeFile(path.join(unfinished, 'python'), launcher(folders, libraries), { mode: 0o755 }),
  );
  return path.join(folder, 'python');
}

/** The packages after those that the caller names: ours shall not hide another one's. */
const launcher = (packages: readonly string[], libraries: readonly string[]): string => `#!/bin/sh
export PYTHONPATH="\${PYTHONPATH:+$PYTHONPATH:}${packages.join(':')}"
${libraries.length === 0 ? '' : `export LD_LIBRARY_PATH="${libraries.join(':')}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n`}exec python3 "$@"
`;
