import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterServers, stopServers } from './cluster-servers.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Any key will do that is long enough; a test's server lives for seconds on a loopback port. */
export const apiKey = '0199aaaa-1111-7222-8333-444455556666';

/** A start includes loading all modules on a busy machine. */
const readyDeadlineMs = 60_000;

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

export type StartOptions = { readonly dataDir: string; readonly engine?: 'onnx' | 'noop' };

export const newDataDir = () => mkdtemp(path.join(os.tmpdir(), 'tessera-test-'));

export async function removeDataDir(dataDir: string): Promise<void> {
  await stopServers(dataDir);
  await rm(dataDir, { recursive: true, force: true });
}

/** The ways to run the same modules on one machine; the last one on real servers, which are fetched and started only when asked for. */
export const profiles: Record<string, (options: StartOptions) => Promise<Running>> = {
  'one process': startOneProcess,
  'a process for each service': startProcessPerService,
  ...(process.env['TESSERA_TEST_CLUSTER'] === '1' ? { 'a process for each service, on Kafka, MongoDB, Redis and S3': startCluster } : {}),
};

async function startOneProcess({ dataDir, engine = 'noop' }: StartOptions): Promise<Running> {
  const [httpPort, grpcPort] = [await freePort(), await freePort()];
  const child = launch(['cli/dist/main.js', 'up', '--data', dataDir, '--port', `${httpPort}`, '--grpc-port', `${grpcPort}`, '--engine', engine], {});
  await saysReady(child, 'ready');
  return running([child], httpPort, grpcPort, dataDir);
}

async function startCluster(options: StartOptions): Promise<Running> {
  const { env, objectsDir } = await clusterServers(options.dataDir);
  return { ...(await startProcessPerService(options, env)), objectsDir };
}

async function startProcessPerService({ dataDir, engine = 'noop' }: StartOptions, env: Record<string, string> = {}): Promise<Running> {
  const names = ['billing', 'storage', 'generation', 'gateway'];
  const ports = new Map(await Promise.all(names.map(async (name) => [name, { http: await freePort(), grpc: await freePort() }] as const)));
  const portsOf = (name: string) => ports.get(name)!;
  const peers = names.filter((name) => name !== 'gateway').map((name) => `${name}=127.0.0.1:${portsOf(name).grpc}`).join(',');
  const publicUrl = `http://127.0.0.1:${portsOf('gateway').http}`;
  const children = names.map((name) =>
    launch([`services/${name}/dist/main.js`], {
      ...env,
      TESSERA_DATA: dataDir,
      TESSERA_ENGINE: engine,
      TESSERA_PEERS: peers,
      TESSERA_PUBLIC_URL: publicUrl,
      TESSERA_HTTP_PORT: `${portsOf(name).http}`,
      TESSERA_GRPC_PORT: `${portsOf(name).grpc}`,
    }),
  );
  await Promise.all(children.map((child) => saysReady(child, '"ready"')));
  return running(children, portsOf('gateway').http, portsOf('gateway').grpc, dataDir);
}

function launch(args: string[], env: Record<string, string>): ChildProcess {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TESSERA_')));
  return spawn(process.execPath, args, { cwd: repository, env: { ...inherited, TESSERA_API_KEY: apiKey, TESSERA_WEBHOOK_PRIVATE_NETWORKS: 'true', ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

function running(children: ChildProcess[], httpPort: number, grpcPort: number, dataDir: string): Running {
  const end = async (signal: NodeJS.Signals) => {
    const gone = children.map((child) => new Promise<void>((resolve) => (child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()))));
    for (const child of children) if (child.pid && child.exitCode === null) process.kill(-child.pid, signal);
    await Promise.all(gone);
  };
  return { url: `http://127.0.0.1:${httpPort}`, grpcAddress: `127.0.0.1:${grpcPort}`, dataDir, objectsDir: path.join(dataDir, 'objects'), stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** Resolves when the child's output holds the word; rejects with all it said when it ends or stays silent. */
function saysReady(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`${child.spawnargs[1]} not ready after ${readyDeadlineMs} ms:\n${said}`)), readyDeadlineMs);
    const listen = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-10_000);
      if (!said.includes(word)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it was ready:\n${said}`));
    });
  });
}

export const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
