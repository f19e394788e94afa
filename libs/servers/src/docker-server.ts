import os from 'node:os';
import type * as Testcontainers from 'testcontainers';
import type { StartedTestContainer } from 'testcontainers';
import { until } from './loopback.js';
import type { Engine } from './native-server.js';
import type { Launch, ServerRecipe } from './running-server.js';

/** A recipe that can run in a container. */
export type DockerRecipe = ServerRecipe & { readonly docker: NonNullable<ServerRecipe['docker']> };

export const hasImage = (recipe: ServerRecipe): recipe is DockerRecipe => recipe.docker !== undefined;

const startWithinMs = 5 * 60_000;

/** testcontainers is a package for development: an installation without it, or without an engine that answers, runs the servers natively. */
let engine: Promise<typeof Testcontainers | undefined> | undefined;

/** The engine, with the recipe's image in it; none when no engine answers, or it cannot get the image. */
export async function dockerWith({ name, docker }: DockerRecipe): Promise<typeof Testcontainers | undefined> {
  engine ??= connect().catch(() => undefined);
  const testcontainers = await engine;
  if (testcontainers === undefined) return undefined;
  const { image } = await testcontainers.getContainerRuntimeClient();
  const wanted = testcontainers.ImageName.fromString(docker.image);
  try {
    if (!(await image.exists(wanted))) {
      process.stderr.write(`• pulling ${docker.image}\n`);
      await image.pull(wanted);
    }
    return testcontainers;
  } catch (error) {
    process.stderr.write(
      `• ${name} runs without Docker: ${docker.image} could not be pulled (${error instanceof Error ? error.message : String(error)})\n`,
    );
    return undefined;
  }
}

async function connect(): Promise<typeof Testcontainers> {
  const testcontainers = await import('testcontainers');
  await testcontainers.getContainerRuntimeClient();
  return testcontainers;
}

export class DockerServer implements Engine {
  private container: StartedTestContainer | undefined;

  constructor(
    private readonly testcontainers: typeof Testcontainers,
    private readonly recipe: DockerRecipe,
    private readonly launch: Launch,
  ) {}

  async start(): Promise<void> {
    if (this.container === undefined) this.container = await this.create();
    else await (await this.handle(this.container)).start();
    await this.waitUntilReady();
  }

  async kill(): Promise<void> {
    if (this.container === undefined) return;
    const handle = await this.handle(this.container);
    if ((await handle.inspect()).State.Running) await handle.kill({ signal: 'SIGKILL' });
  }

  async pause(): Promise<void> {
    if (this.container !== undefined) await (await this.handle(this.container)).pause();
  }

  async resume(): Promise<void> {
    if (this.container !== undefined) await (await this.handle(this.container)).unpause();
  }

  async remove(): Promise<void> {
    await this.container?.stop({ remove: true, removeVolumes: true });
    this.container = undefined;
  }

  /** The port is the same inside and outside, so that the address that a server gives its clients (a broker, a replica set) is the right one. testcontainers' reaper removes it should we die. */
  private create(): Promise<StartedTestContainer> {
    const { docker } = this.recipe;
    const { port, dataDir } = this.launch;
    const { GenericContainer, Wait } = this.testcontainers;
    const container = new GenericContainer(docker.image)
      .withCommand([...docker.command(this.launch)])
      .withEnvironment({ ...docker.env?.(this.launch) })
      .withExposedPorts({ container: port, host: port })
      .withBindMounts([{ source: dataDir, target: '/data' }])
      .withUser(`${os.userInfo().uid}:${os.userInfo().gid}`)
      .withWaitStrategy(Wait.forListeningPorts())
      .withStartupTimeout(startWithinMs);
    if (docker.entrypoint) container.withEntrypoint([...docker.entrypoint]);
    return container.start();
  }

  private async handle(container: StartedTestContainer) {
    return (await this.testcontainers.getContainerRuntimeClient()).container.getById(container.getId());
  }

  private async waitUntilReady(): Promise<void> {
    const isReady = await until(() => this.recipe.isReady(this.launch.port), { withinMs: startWithinMs });
    if (!isReady) throw new Error(`${this.recipe.name} did not answer in its container (${this.recipe.docker.image}); see docker logs.`);
  }
}
