import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DockerServer, dockerWith, hasImage } from './docker-server.js';
import { canListen, freeLoopbackPort } from './loopback.js';
import { installNatively, NativeServer, type Engine } from './native-server.js';
import type { Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';

/** In Docker where an engine answers, else as a process of this machine. One that begins with nothing is tried twice: its port may have been taken between the choice and the start. */
export async function startServer(recipe: ServerRecipe, options: ServerOptions = {}): Promise<RunningServer> {
  try {
    return await startOnce(recipe, options);
  } catch (error) {
    if (options.dataDir !== undefined) throw error;
    process.stderr.write(
      `• ${recipe.name} did not start and is tried once more: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return startOnce(recipe, options);
  }
}

async function startOnce(recipe: ServerRecipe, options: ServerOptions): Promise<RunningServer> {
  const isTemporary = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await fs.mkdtemp(path.join(os.tmpdir(), `tessera-${recipe.name}-`)));
  await fs.mkdir(dataDir, { recursive: true });
  const launch = { dataDir, port: isTemporary ? await freeLoopbackPort() : await portOf(dataDir, recipe.name) };
  const server = await engineFor(recipe, launch, isTemporary);
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
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop,
  };
}

/** The port that a data folder had before, else a free one that it has from now on. */
async function portOf(dataDir: string, name: string): Promise<number> {
  const file = path.join(dataDir, 'port');
  const known = Number(await fs.readFile(file, 'utf8').catch(() => ''));
  if (known > 0) {
    if (!(await canListen(known)))
      throw new Error(`${name} with its data in ${dataDir} needs port ${known}, which another program has taken: is it running already?`);
    return known;
  }
  const port = await freeLoopbackPort();
  await fs.writeFile(file, String(port));
  return port;
}

/** Fetches what the server needs, so that no test has to wait for it. */
export async function installServer(recipe: ServerRecipe): Promise<void> {
  if (!hasImage(recipe) || (await dockerWith(recipe)) === undefined) await installNatively(recipe);
}

async function engineFor(recipe: ServerRecipe, launch: Launch, isTemporary: boolean): Promise<Engine> {
  const testcontainers = hasImage(recipe) ? await dockerWith(recipe) : undefined;
  if (testcontainers !== undefined && hasImage(recipe)) return new DockerServer(testcontainers, recipe, launch);
  return new NativeServer(recipe, await installNatively(recipe), launch, isTemporary);
}
