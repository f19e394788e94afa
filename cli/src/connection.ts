import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { configFromEnvironment } from '@tessera/platform/config.js';
import { Api } from './api.js';
import { CommandFailure, exitCodes } from './failure.js';
import { checkoutSettings } from './places.js';
import { findRunningServer } from './server-file.js';

/** Another command's server goes away when that command is done; a picture takes seconds. The lock cannot be waited for, only tried. */
const folderWaitMs = 60_000;
const retryMs = 250;

/** Of a server that lives only as long as the command. */
export type EmbeddedOptions = { readonly engine?: string | undefined; readonly models?: string | undefined };

export type Connection = {
  readonly api: Api;
  /** True when the server lives only as long as this command. */
  readonly isEmbedded: boolean;
  close(): Promise<void>;
};

/** `TESSERA_URL`, else a server that runs on this data folder, else one of our own for the duration of the command. */
export async function connect(dataDir: string, options: EmbeddedOptions = {}): Promise<Connection> {
  const url = process.env['TESSERA_URL'];
  if (url) {
    if (!URL.canParse(url))
      throw new CommandFailure(`TESSERA_URL is not an address: ${url}`, exitCodes.refused, 'It looks like http://127.0.0.1:8420');
    return connected(url, process.env['TESSERA_API_KEY'], false);
  }
  const running = await findRunningServer(dataDir);
  if (running) return connected(running.url, keyFor(dataDir), false);
  return embedded(dataDir, options);
}

async function embedded(dataDir: string, { engine, models }: EmbeddedOptions): Promise<Connection> {
  // Links must lead back to this very process, wherever the environment says that the real server is reached.
  const env = { ...process.env, TESSERA_PUBLIC_URL: undefined };
  const config = configFromEnvironment(env, {
    dataDir,
    httpHost: '127.0.0.1',
    httpPort: 0,
    grpcHost: '127.0.0.1',
    grpcPort: 0,
    engine,
    ...checkoutSettings(dataDir, models),
  });
  const { startSingleNode } = await import('./single-node.js');
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    try {
      const server = await startSingleNode(config);
      return connected(server.url, keyFor(dataDir) ?? server.installation.mintedKey, true, () => server.close());
    } catch (error) {
      if (!isFolderInUse(error) || waitedMs >= folderWaitMs) throw error;
      if (waitedMs === 0) process.stderr.write('Waiting for another command on the same data folder…\n');
    }
    await delay(retryMs);
    const running = await findRunningServer(dataDir);
    if (running) return connected(running.url, keyFor(dataDir), false);
  }
}

const isFolderInUse = (error: unknown) => error instanceof Error && error.name === 'FolderInUseError';

function connected(
  url: string,
  key: string | undefined,
  isEmbedded: boolean,
  close: () => Promise<void> = () => Promise.resolve(),
): Connection {
  return { api: new Api(url, key), isEmbedded, close };
}

/** The key in the environment, else the one that the server left in its data folder for commands on the same machine. */
function keyFor(dataDir: string): string | undefined {
  if (process.env['TESSERA_API_KEY']) return process.env['TESSERA_API_KEY'];
  try {
    return readFileSync(path.join(dataDir, 'owner-key'), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Runs a command's work on a connection that is closed whatever happens. */
export async function withConnection<T>(
  dataDir: string,
  work: (connection: Connection) => Promise<T>,
  options: EmbeddedOptions = {},
): Promise<T> {
  const connection = await connect(dataDir, options);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
