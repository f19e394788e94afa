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
  /** Asks every process to end and waits for it. */
  stop(): Promise<void>;
  /** kill -9, all at once. */
  kill(): Promise<void>;
};

/** What the Helm chart gives a service: bounds of V8's heap, without which garbage is collected late. NODE_OPTIONS of the environment win. */
const serviceNodeOptions = '--max-semi-space-size=4 --max-old-space-size=192';

/** Every service as a process of its own on loopback ports, and workers that pull from them. */
export async function startServices({ repository, dataDir, engine, workers: workerCount, httpPort, grpcPort, env, onDeath }: ClusterOptions): Promise<Services> {
  const ports = await portsFor(httpPort, grpcPort);
  const peers = serviceNames.filter((name) => peerNames.includes(name)).map((name) => `${name}=127.0.0.1:${ports[name].grpc}`).join(',');
  const url = `http://127.0.0.1:${ports.gateway.http}`;
  const shared = { ...env, TESSERA_DATA: dataDir, TESSERA_ENGINE: engine, TESSERA_PEERS: peers, TESSERA_PUBLIC_URL: url };
  const process = (name: string, entry: string, own: Record<string, string>) => new ServiceProcess({ name, args: [entry], cwd: repository, env: { ...shared, ...own }, readyWords: '"ready"', ...(onDeath ? { onDeath } : {}) });
  const nodeOptions = env['NODE_OPTIONS'] ?? serviceNodeOptions;
  const service = (name: ServiceName) => process(name, `services/${name}/dist/main.js`, { NODE_OPTIONS: nodeOptions, TESSERA_HTTP_PORT: `${ports[name].http}`, TESSERA_GRPC_PORT: `${ports[name].grpc}` });
  const services = Object.fromEntries(serviceNames.map((name) => [name, service(name)])) as Record<ServiceName, ServiceProcess>;
  const workers = Array.from({ length: workerCount }, (_, index) => process(`worker-${index + 1}`, 'services/worker/dist/main.js', { TESSERA_WORKER_ID: `worker-${index + 1}` }));
  const all = [...serviceNames.map((name) => services[name]), ...workers];
  const stop = async () => {
    // Workers hand back or finish what they hold, which needs the services; the gateway stops before those that it calls.
    await Promise.all(workers.map((worker) => worker.stop()));
    for (const name of serviceNames) await services[name].stop();
  };
  const started = await Promise.allSettled(all.map((one) => one.start()));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(all.map((one) => one.kill()));
    throw failed.reason;
  }
  return { url, grpcAddress: `127.0.0.1:${ports.gateway.grpc}`, services, workers, stop, kill: () => Promise.all(all.map((one) => one.kill())).then(() => undefined) };
}

type Ports = { readonly http: number; readonly grpc: number };

async function portsFor(httpPort: number | undefined, grpcPort: number | undefined): Promise<Record<ServiceName, Ports>> {
  const ports: [ServiceName, Ports][] = [];
  for (const name of serviceNames) ports.push([name, { http: (name === 'gateway' && httpPort) || (await freeLoopbackPort()), grpc: (name === 'gateway' && grpcPort) || (await freeLoopbackPort()) }]);
  return Object.fromEntries(ports) as Record<ServiceName, Ports>;
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
