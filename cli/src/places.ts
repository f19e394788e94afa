import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds the launcher; this file runs from `cli/dist`. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export const consoleFolder = path.join(repositoryRoot, 'web/console/dist');
export const modelsFolder = path.join(repositoryRoot, 'models');

export const dataOption = ['--data <dir>', 'data folder (default: $TESSERA_DATA or ~/.tessera)'] as const;

export const accountOption = ['--account <id>', "the account to act for (the installation's owner only)"] as const;

export function dataFolder(option: string | undefined): string {
  return path.resolve(option ?? (process.env['TESSERA_DATA'] || path.join(os.homedir(), '.tessera')));
}

/** Where `tessera models add` puts models, which a release neither brings nor takes away. */
export const addedModelsFolder = (data: string): string => path.join(data, 'models');

/** TESSERA_MODELS, or the models that come with Tessera and those that were added. */
export function modelsSetting(data: string): string {
  const added = addedModelsFolder(data);
  return process.env['TESSERA_MODELS'] || [modelsFolder, ...(existsSync(added) ? [added] : [])].join(path.delimiter);
}

/** What the server is told about this checkout; settings from the environment win, and over them the folder of models (or several, as in PATH) from the command line. */
export function checkoutSettings(data: string, models?: string): { modelsDir?: string; consoleDir?: string } {
  const given = models?.split(path.delimiter).map((folder) => path.resolve(folder));
  const modelsDir = given?.join(path.delimiter) ?? (process.env['TESSERA_MODELS'] ? undefined : modelsSetting(data));
  return {
    ...(modelsDir === undefined ? {} : { modelsDir }),
    ...(process.env['TESSERA_CONSOLE'] || !existsSync(consoleFolder) ? {} : { consoleDir: consoleFolder }),
  };
}
