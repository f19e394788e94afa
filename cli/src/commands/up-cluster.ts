import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startCluster, type Cluster } from '@tessera/servers/cluster.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { checkoutSettings, dataFolder, repositoryRoot } from '../places.js';
import { announceServer, withdrawServer } from '../server-file.js';
import { stopOnSignal } from '../stop-on-signal.js';
import { formatSeconds } from '../texts.js';
import type { UpOptions } from './up.js';

const defaultPorts = { http: '8420', grpc: '8421' };

/** Every service as a process of its own, on real servers that are fetched when this machine lacks them. For trying the cluster profile, not for serving from. Runs until it is told to stop. */
export async function upCluster(options: UpOptions): Promise<void> {
  refuseUnfit(options);
  // Beside what `tessera up` keeps there: the two profiles share no data.
  const dataDir = options.data ? dataFolder(options.data) : path.join(dataFolder(undefined), 'cluster');
  await mkdir(dataDir, { recursive: true });
  const cluster = await start(dataDir, options);
  announceServer(dataDir, { url: cluster.url, grpcUrl: cluster.grpcAddress, pid: process.pid, startedMs: Date.now() });
  stopOnSignal(async () => {
    withdrawServer(dataDir, process.pid);
    await cluster.stop();
  });
  process.stdout.write(await greeting(cluster, dataDir));
}

function start(
  dataDir: string,
  { port = defaultPorts.http, grpcPort = defaultPorts.grpc, engine = 'onnx', models, logLevel }: UpOptions,
): Promise<Cluster> {
  const { modelsDir, consoleDir } = checkoutSettings(dataDir, models);
  const env = {
    ...process.env,
    ...(modelsDir ? { TESSERA_MODELS: modelsDir } : {}),
    ...(consoleDir ? { TESSERA_CONSOLE: consoleDir } : {}),
    ...(logLevel ? { TESSERA_LOG_LEVEL: logLevel } : {}),
  };
  const onDeath = (message: string) => process.stderr.write(`${message}\n`);
  return startCluster({
    repository: repositoryRoot,
    dataDir,
    engine,
    workers: 1,
    httpPort: Number(port),
    grpcPort: Number(grpcPort),
    env,
    onDeath,
  });
}

function refuseUnfit({ port, grpcPort, host, publicUrl }: UpOptions): void {
  if (host || publicUrl)
    throw new CommandFailure(
      'up --cluster listens on this machine only.',
      exitCodes.refused,
      'Install it by Helm to serve others: see docs/operate.md.',
    );
  for (const given of [port, grpcPort]) {
    if (given !== undefined && !(Number.isInteger(Number(given)) && Number(given) >= 0 && Number(given) <= 65_535))
      throw new CommandFailure(`"${given}" is no port.`, exitCodes.refused, 'A port is a number from 0, which picks a free one, to 65535.');
  }
}

async function greeting({ url, grpcAddress, services, workers, servers }: Cluster, dataDir: string): Promise<string> {
  const processes = [...Object.values(services), ...workers];
  const memory = await Promise.all(
    processes.map(async (one) => `${one.name} (${one.pid}) ${Math.round((await one.residentBytes()) / 1024 / 1024)} MB`),
  );
  return `${[
    `Tessera's cluster profile is ready in ${formatSeconds(performance.now())} s`,
    `  console  ${url}/`,
    `  REST     ${url}/api/rest/v1   described at ${url}/docs`,
    `  gRPC     ${grpcAddress}`,
    `  data     ${dataDir}   tell other commands: --data ${dataDir}`,
    `  running  ${memory.join(', ')}`,
    ...Object.entries(servers.servers).map(([name, server]) => `  ${name.padEnd(7)}  ${server.url}`),
    'Ctrl-C stops it all; a service that dies is started again.',
  ].join('\n')}\n`;
}
