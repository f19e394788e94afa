import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { Documents } from '@tessera/documents/documents.js';
import { ObservedDocuments } from '@tessera/documents/observed-documents.js';
import { openDocuments, type OpenClusterDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { openObjectStore } from '@tessera/objects/open-object-store.js';
import { ObservedObjectStore } from '@tessera/objects/observed-object-store.js';
import { Clock, SystemClock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import { startTelemetry } from '@tessera/platform/telemetry/start-telemetry.js';
import { HOSTED_SERVICES, LOGGER } from '@tessera/platform/tokens.js';
import { openRpc } from '@tessera/rpc/open-rpc.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { addressesOf } from './peers.js';
import { observeBus, observeProcess, observeStore } from './port-metrics.js';
import type { OptionalPort } from './service-definition.js';

/** A key that does not exist: looked up to check whether the server answers. */
const probe = 'readiness';

type Closable = { close(): Promise<void> | void };

export type Ports = Awaited<ReturnType<typeof openPorts>>;

/** What a test puts in place of a port. Everything else is what the process would open. */
export type PortReplacements = {
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly models?: ModelRegistry;
  readonly engine?: DiffusionEngine & Closable;
  readonly cache?: Cache & Closable;
  /** Answers for contracts that no service of this process implements. */
  readonly standIns?: Rpc;
};

/** Opens the ports that these services use, for the profile. This is the one place where a profile picks its adapters. What has opened when another refuses is closed again. */
export async function openPorts(
  config: Config,
  name: string,
  publicUrl: () => string,
  uses: ReadonlySet<OptionalPort>,
  replacements: PortReplacements = {},
) {
  const opened: Closable[] = [];
  const close = async () => {
    for (const port of opened.splice(0).reverse()) await port.close();
  };
  const keep = <T extends Closable>(port: T): T => {
    opened.push(port);
    return port;
  };
  try {
    const { logger = createLogger(config.logLevel, name), clock = new SystemClock() } = replacements;
    keep(await startTelemetry(config.telemetry, serviceNameOf(name), logger));
    const store = uses.has('documents') ? keep(await openStore(config, logger)) : undefined;
    const cache = uses.has('cache')
      ? keep(replacements.cache ?? (await openCache({ profile: config.profile, redisUrl: config.redisUrl, logger })))
      : undefined;
    const objects = uses.has('objects')
      ? keep(await openObjectStore({ profile: config.profile, dataDir: config.dataDir, publicUrl, clock, s3: config.s3, logger }))
      : undefined;
    const models = uses.has('models') ? (replacements.models ?? (await openModels(config))) : undefined;
    const engine = uses.has('engine') ? keep(replacements.engine ?? (await openEngineFor(config, logger))) : undefined;
    const { rpc, strategy } = openRpc(addressesOf(config.peers), replacements.standIns);
    keep(rpc);
    const bus = uses.has('events') ? await openBus(store, config, logger) : undefined;
    if (bus) keep({ close: () => bus.stop() });
    // Losing the cache loses no job and no token: a process that has lost it still takes requests.
    const health = new HealthChecks(
      { ...(store ? { documents: () => store.ping() } : {}), ...(objects ? { objects: () => objects.head(probe) } : {}) },
      cache ? { cache: () => cache.get(probe) } : {},
    );
    observeProcess(health);
    if (store) observeStore(store);
    if (bus) observeBus(bus);
    const isCluster = config.profile === 'cluster';
    const documents = store && new ObservedDocuments(store.documents, isCluster ? 'mongodb' : 'sqlite');
    return {
      logger,
      store,
      documents,
      bus,
      bareObjects: objects,
      objects: objects && new ObservedObjectStore(objects, isCluster ? 's3' : 'filesystem'),
      cache,
      models,
      engine,
      rpc,
      strategy,
      health,
      clock,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All services in one process are `tessera`, one alone `tessera-billing`. */
const serviceNameOf = (name: string): string => (name.includes('+') ? 'tessera' : `tessera-${name}`);

/** What may be asked for, from the manifests alone. */
async function openModels({ engine, modelsDir, modelPools }: Config): Promise<ModelRegistry> {
  const { openModelRegistry } = await import('@tessera/models/open-model-registry.js');
  const registry = await openModelRegistry({ engine, modelsDir, modelPools });
  registry.requireKnownPools();
  return registry;
}

/** Loaded where it is needed: the runtime of the models and the codec of pictures take their time and their memory. */
async function openEngineFor(
  { engine, modelsDir, engineThreads, tritonUrl, pythonProgram }: Config,
  logger: Logger,
): Promise<DiffusionEngine> {
  const { openEngine } = await import('@tessera/inference/open-engine.js');
  return openEngine({ engine, modelsDir, threads: engineThreads, tritonUrl, pythonProgram, logger });
}

async function openStore({ profile, dataDir, mongoUrl }: Config, logger: Logger): Promise<OpenDocuments | OpenClusterDocuments> {
  if (profile === 'single') return openDocuments({ dataDir, logger });
  return openDocuments({ profile, mongoUrl: required(mongoUrl, 'mongoUrl', 'TESSERA_MONGO_URL'), logger });
}

async function openBus(
  store: OpenDocuments | OpenClusterDocuments | undefined,
  { kafkaBrokers, kafka }: Config,
  logger: Logger,
): Promise<EventBus> {
  if (!store) throw new Error('A service that uses events uses documents as well.');
  const { documents } = store;
  if ('eventLog' in store) return openEventBus({ eventLog: store.eventLog, documents, logger });
  return openEventBus({
    outbox: store.outbox,
    kafkaBrokers: required(kafkaBrokers, 'kafkaBrokers', 'TESSERA_KAFKA_BROKERS'),
    kafka,
    documents,
    logger,
  });
}

/** What the cluster profile asks for only when a service uses it. */
function required<T>(value: T | undefined, setting: string, variable: string): T {
  if (value === undefined) throw new Error(`Setting ${setting}: the cluster profile needs it; set ${variable}`);
  return value;
}

@Global()
@Module({})
export class PortsModule {
  static for(config: Config, ports: Ports, services: readonly string[]): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: LOGGER, useValue: ports.logger satisfies Logger },
      { provide: Clock, useValue: ports.clock },
      { provide: HOSTED_SERVICES, useValue: services },
      ...(ports.documents ? [{ provide: Documents, useValue: ports.documents }] : []),
      ...(ports.bus ? [{ provide: EventBus, useValue: ports.bus }] : []),
      ...(ports.objects ? [{ provide: ObjectStore, useValue: ports.objects }] : []),
      ...(ports.cache ? [{ provide: Cache, useValue: ports.cache }] : []),
      ...(ports.models ? [{ provide: ModelRegistry, useValue: ports.models }] : []),
      ...(ports.engine ? [{ provide: DiffusionEngine, useValue: ports.engine }] : []),
      { provide: Rpc, useValue: ports.rpc },
      { provide: HealthChecks, useValue: ports.health },
    ];
    return { module: PortsModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
