import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServices } from '@tessera/servers/cluster.js';
import { startClusterServers, type ClusterServers } from '@tessera/servers/cluster-servers.js';
import { freeLoopbackPort } from '@tessera/servers/loopback.js';
import { ServiceProcess } from '@tessera/servers/service-process.js';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Any key will do that is long enough; a test's server lives for seconds on a loopback port. */
export const apiKey = '0199aaaa-1111-7222-8333-444455556666';

export type Running = {
  readonly url: string;
  /** `host:port` of the public gRPC API. */
  readonly grpcAddress: string;
  readonly dataDir: string;
  /** Where the files of pictures end up, whoever keeps them. */
  readonly objectsDir: string;
  /** Asks every process to end and waits for it. */
  stop(): Promise<void>;
  /** kill -9, all at once, nothing is told; resolves when they are gone. */
  kill(): Promise<void>;
};

export type StartOptions = {
  readonly dataDir: string;
  readonly engine?: 'onnx' | 'noop';
  /** A price list of its own. */ readonly catalogueFile?: string;
};

export const newDataDir = () => mkdtemp(path.join(os.tmpdir(), 'tessera-test-'));

export async function removeDataDir(dataDir: string): Promise<void> {
  await (await servers.get(dataDir))?.stop();
  servers.delete(dataDir);
  await rm(dataDir, { recursive: true, force: true });
}

/** The ways to run the same modules on one machine; the last one on real servers, which are fetched and started only when asked for. */
export const profiles: Record<string, (options: StartOptions) => Promise<Running>> = {
  'one process': startOneProcess,
  'a process for each service': startProcesses,
  ...(process.env['TESSERA_TEST_CLUSTER'] === '1' ? { 'a process for each service, on Kafka, MongoDB, Redis and S3': startOnServers } : {}),
};

async function startOneProcess({ dataDir, engine = 'noop', catalogueFile }: StartOptions): Promise<Running> {
  const [httpPort, grpcPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const args = ['cli/dist/main.js', 'up', '--data', dataDir, '--port', `${httpPort}`, '--grpc-port', `${grpcPort}`, '--engine', engine];
  const server = new ServiceProcess({
    name: 'tessera up',
    args,
    cwd: repository,
    env: { ...environment(), ...(catalogueFile === undefined ? {} : { TESSERA_CATALOGUE: catalogueFile }) },
    readyWords: 'Tessera is ready',
  });
  await server.start();
  return {
    url: `http://127.0.0.1:${httpPort}`,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    dataDir,
    objectsDir: path.join(dataDir, 'objects'),
    stop: () => server.stop(),
    kill: () => server.kill(),
  };
}

/** Whatever the person who runs the tests has set for their own server stays out. */
export function environment(): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TESSERA_')));
  return { ...inherited, TESSERA_API_KEY: apiKey, TESSERA_WEBHOOK_PRIVATE_NETWORKS: 'true' };
}

async function startOnServers(options: StartOptions): Promise<Running> {
  const { env, objectsDir } = await serversOf(options.dataDir);
  return { ...(await startProcesses(options, env, 2)), objectsDir };
}

async function startProcesses(
  { dataDir, engine = 'noop', catalogueFile }: StartOptions,
  serverSettings: Readonly<Record<string, string>> = {},
  workers = 1,
): Promise<Running> {
  const { url, grpcAddress, stop, kill } = await startServices({
    repository,
    dataDir,
    engine,
    workers,
    env: { ...environment(), ...(catalogueFile === undefined ? {} : { TESSERA_CATALOGUE: catalogueFile }), ...serverSettings },
  });
  return { url, grpcAddress, dataDir, objectsDir: path.join(dataDir, 'objects'), stop, kill };
}

/** They outlive the services of a data folder, as in a cluster: a restart finds them as it left them. */
const servers = new Map<string, Promise<ClusterServers>>();

function serversOf(dataDir: string): Promise<ClusterServers> {
  const started = servers.get(dataDir) ?? startClusterServers({ dataDir: path.join(dataDir, 'servers') });
  servers.set(dataDir, started);
  return started;
}
