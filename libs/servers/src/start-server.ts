import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DockerServer, dockerWith } from './docker-server.js';
import { freeLoopbackPort } from './loopback.js';
import { installNatively, NativeServer } from './native-server.js';
import type { RunningServer, ServerOptions, ServerRecipe } from './running-server.js';

/** In Docker where an engine answers, else as a process of this machine. */
export async function startServer(recipe: ServerRecipe, options: ServerOptions = {}): Promise<RunningServer> {
  const testcontainers = await dockerWith(recipe);
  const isTemporary = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await fs.mkdtemp(path.join(os.tmpdir(), `tessera-${recipe.name}-`)));
  await fs.mkdir(dataDir, { recursive: true });
  const launch = { dataDir, port: await freeLoopbackPort() };
  const server = testcontainers === undefined ? new NativeServer(recipe, await installNatively(recipe), launch, isTemporary) : new DockerServer(testcontainers, recipe, launch);
  const stop = async () => {
    await server.kill();
    await server.remove();
    if (isTemporary) await fs.rm(dataDir, { recursive: true, force: true });
  };
  try {
    await server.start();
    await recipe.prepare?.(launch.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: recipe.url(launch.port),
    kill: () => server.kill(),
    restart: async () => {
      await server.kill();
      await server.start();
    },
    stop,
  };
}

/** Fetches what the server needs, so that no test has to wait for it. */
export async function installServer(recipe: ServerRecipe): Promise<void> {
  if ((await dockerWith(recipe)) === undefined) await installNatively(recipe);
}
