import { peerNames, serviceNames as allServices } from '@tessera/host/services.js';
import { startClusterServers, type ClusterServers } from './cluster-servers.js';
import { freeLoopbackPort } from './loopback.js';
import { ServiceProcess } from './service-process.js';

export type ServiceName = Exclude<(typeof allServices)[number], 'worker'>;

/** In the order in which they are stopped, which is the reverse of that in which they start: who takes requests goes first. */
export const serviceNames = allServices.filter((name): name is ServiceName => name !== 'worker').reverse();

export type ClusterOptions = {
  /** Of Tessera's checkout or installation. */
  readonly repository: string;
  readonly dataDir: string;
  readonly engine: string;
  readonly workers: number;
  /** Services that run as two processes; the others call the first. */
  readonly twice?: readonly ServiceName[];
  readonly httpPort?: number;
  readonly grpcPort?: number;
  /** The environment of every process; what it needs to find the others comes on top. */
  readonly env: NodeJS.ProcessEnv;
  /** Called when a process has died, which is then started again; absent: it is not. */
  readonly onDeath?: (message: string) => void;
};

export type Services = {
  readonly url: string;
  /** `host:port` of the public gRPC API. */
  readonly grpcAddress: string;
  readonly services: Readonly<Record<ServiceName, ServiceProcess>>;
  readonly workers: readonly ServiceProcess[];
  /** The second processes of services that run twice. */
  readonly seconds: Readonly<Partial<Record<ServiceName, ServiceProcess>>>;
  /** Where a process listens, as `host:port`, by its name; `jobs-2` is the second of `jobs`. */
  readonly addresses: Readonly<Record<string, { readonly http: string; readonly grpc: string }>>;
  /** Asks every process to end and waits for it. */
  stop(): Promise<void>;
  /** kill -9, all at once. */
  kill(): Promise<void>;
};

/** What the Helm chart gives a service: bounds of V8's heap, without which garbage is collected late. NODE_OPTIONS of the environment win. */
const serviceNodeOptions = '--max-semi-space-size=4 --max-old-space-size=192';

/** Every service as a process of its own on loopback ports, and workers that pull from them. */
export async function startServices({
  repository,
  dataDir,
  engine,
  workers: workerCount,
  twice = [],
  httpPort,
  grpcPort,
  env,
  onDeath,
}: ClusterOptions): Promise<Services> {
  const ports = await portsFor(twice, httpPort, grpcPort);
  const portsOf = (processName: string): Ports => ports.get(processName) ?? { http: 0, grpc: 0 };
  const peers = serviceNames
    .filter((name) => peerNames.includes(name))
    .map((name) => `${name}=127.0.0.1:${portsOf(name).grpc}`)
    .join(',');
  const url = `http://127.0.0.1:${portsOf('gateway').http}`;
  const shared = { ...env, TESSERA_DATA: dataDir, TESSERA_ENGINE: engine, TESSERA_PEERS: peers, TESSERA_PUBLIC_URL: url };
  const process = (name: string, entry: string, own: Record<string, string>) =>
    new ServiceProcess({
      name,
      args: [entry],
      cwd: repository,
      env: { ...shared, ...own },
      readyWords: '"ready"',
      ...(onDeath ? { onDeath } : {}),
    });
  const nodeOptions = env['NODE_OPTIONS'] ?? serviceNodeOptions;
  const service = (name: ServiceName, processName: string = name) =>
    process(processName, `services/${name}/dist/main.js`, {
      NODE_OPTIONS: nodeOptions,
      TESSERA_HTTP_PORT: `${portsOf(processName).http}`,
      TESSERA_GRPC_PORT: `${portsOf(processName).grpc}`,
    });
  const services = Object.fromEntries(serviceNames.map((name) => [name, service(name)])) as Record<ServiceName, ServiceProcess>;
  const seconds: Partial<Record<ServiceName, ServiceProcess>> = Object.fromEntries(
    twice.map((name) => [name, service(name, secondOf(name))]),
  );
  const workers = Array.from({ length: workerCount }, (_, index) =>
    process(`worker-${index + 1}`, 'services/worker/dist/main.js', { TESSERA_WORKER_ID: `worker-${index + 1}` }),
  );
  const all = [...serviceNames.map((name) => services[name]), ...Object.values(seconds), ...workers];
  const stop = async () => {
    // Workers hand back or finish what they hold, which needs the services; the gateway stops before those that it calls.
    await Promise.all(workers.map((worker) => worker.stop()));
    for (const name of serviceNames) await Promise.all([services[name].stop(), seconds[name]?.stop()]);
  };
  const started = await Promise.allSettled(all.map((one) => one.start()));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(all.map((one) => one.kill()));
    throw failed.reason;
  }
  const addresses = Object.fromEntries(
    [...ports].map(([name, { http, grpc }]) => [name, { http: `127.0.0.1:${http}`, grpc: `127.0.0.1:${grpc}` }]),
  );
  return {
    url,
    grpcAddress: `127.0.0.1:${portsOf('gateway').grpc}`,
    services,
    workers,
    seconds,
    addresses,
    stop,
    kill: () => Promise.all(all.map((one) => one.kill())).then(() => undefined),
  };
}

type Ports = { readonly http: number; readonly grpc: number };

const secondOf = (name: ServiceName): string => `${name}-2`;

async function portsFor(
  twice: readonly ServiceName[],
  httpPort: number | undefined,
  grpcPort: number | undefined,
): Promise<ReadonlyMap<string, Ports>> {
  const ports = new Map<string, Ports>();
  for (const name of [...serviceNames, ...twice.map(secondOf)])
    ports.set(name, {
      http: (name === 'gateway' && httpPort) || (await freeLoopbackPort()),
      grpc: (name === 'gateway' && grpcPort) || (await freeLoopbackPort()),
    });
  return ports;
}

export type Cluster = Services & { readonly servers: ClusterServers };

/** The services on real servers, all on this machine. Stops the servers last. */
export async function startCluster({ breakable = false, ...options }: ClusterOptions & { readonly breakable?: boolean }): Promise<Cluster> {
  const servers = await startClusterServers({ dataDir: options.dataDir, breakable });
  try {
    const services = await startServices({ ...options, env: { ...options.env, ...servers.env } });
    const stop = async () => {
      await services.stop();
      await servers.stop();
    };
    return { ...services, servers, stop };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}
