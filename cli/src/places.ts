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

/** What the server is told about this checkout; settings from the environment win, and over them a folder of models from the command line. */
export function checkoutSettings(models?: string): { modelsDir?: string; consoleDir?: string } {
  return {
    ...(models === undefined ? (process.env['TESSERA_MODELS'] ? {} : { modelsDir: modelsFolder }) : { modelsDir: path.resolve(models) }),
    ...(process.env['TESSERA_CONSOLE'] || !existsSync(consoleFolder) ? {} : { consoleDir: consoleFolder }),
  };
}
