import path from 'node:path';
import { unavailable } from '@tessera/platform/errors.js';
import type { Family } from '@tessera/models/families.js';
import { contractVersion } from './contract.js';
import type { RemoteTasks } from './remote-tasks.js';

/** Throws Unavailable `engine_unavailable` with a sentence that says what to do, unless who runs the tasks speaks our contract and holds all of these families. */
export async function checkContents(
  tasks: Pick<RemoteTasks, 'name' | 'run'>,
  families: readonly Family[],
  withinMs: number,
): Promise<void> {
  const refuse = (sentence: string) => unavailable('engine_unavailable', `${tasks.name} ${sentence}`);
  for await (const { event } of tasks.run({ task: 'describe' }, new Map(), AbortSignal.timeout(withinMs))) {
    if (event.type !== 'described') continue;
    if (event.contract !== contractVersion)
      throw refuse(
        `speaks version ${event.contract} of the contract and this worker version ${contractVersion}: deploy both from the same release.`,
      );
    for (const { folder, version, pipeline } of families) {
      const family = path.basename(folder);
      const held = event.families.find((each) => each.family === family);
      if (!held) throw refuse(`has no folder "${family}" of models: it must read the folder that this worker reads as its TESSERA_MODELS.`);
      if (held.version !== version)
        throw refuse(
          `holds version ${held.version} of ${family} and this worker version ${version}: both must read the same folder of models.`,
        );
      if (pipeline === 'diffusers' && event.torch === null)
        throw refuse(
          `has no torch, and ${family} is a diffusers pipeline: pip install -r deploy/python/requirements-diffusers.txt where it runs.`,
        );
    }
  }
}
