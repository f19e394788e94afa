import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { Documents } from '@tessera/documents/documents.js';
import { ObservedDocuments } from '@tessera/documents/observed-documents.js';
import { openDocuments, type OpenClusterDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { openObjectStore } from '@tessera/objects/open-object-store.js';
import { ObservedObjectStore } from '@tessera/objects/observed-object-store.js';
import { Clock, SystemClock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import { startTelemetry } from '@tessera/platform/telemetry/start-telemetry.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { openRpc } from '@tessera/rpc/open-rpc.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { addressesOf } from './peers.js';
import { observePorts } from './port-metrics.js';
import type { OptionalPort } from './service-definition.js';

/** A key that does not exist: looked up to check whether the server answers. */
const probe = 'readiness';

type Closable = { close(): Promise<void> | void };

export type Ports = Awaited<ReturnType<typeof openPorts>>;

/** Opens the ports that these services use, for the profile. This is the one place where a profile picks its adapters. What has opened when another refuses is closed again. */
export async function openPorts(config: Config, name: string, publicUrl: () => string, uses: ReadonlySet<OptionalPort>) {
  const opened: Closable[] = [];
  const close = async () => {
    for (const port of opened.splice(0).reverse()) await port.close();
  };
  const keep = <T extends Closable>(port: T): T => {
    opened.push(port);
    return port;
  };
  try {
    const logger = createLogger(config.logLevel, name);
    keep(await startTelemetry(config.telemetry, serviceNameOf(name), logger));
    const store = keep(await openStore(config, logger));
    const cache = uses.has('cache') ? keep(await openCache({ profile: config.profile, redisUrl: config.redisUrl, logger })) : undefined;
    const objects = uses.has('objects') ? keep(await openObjectStore({ profile: config.profile, dataDir: config.dataDir, publicUrl, s3: config.s3, logger })) : undefined;
    const engine = uses.has('engine') ? keep(await openEngineFor(config, logger)) : undefined;
    const { rpc, strategy } = openRpc(addressesOf(config.peers));
    keep(rpc);
    const bus = await openBus(store, config, logger);
    keep({ close: () => bus.stop() });
    const health = new HealthChecks({ documents: () => store.ping(), ...(cache ? { cache: () => cache.get(probe) } : {}), ...(objects ? { objects: () => objects.head(probe) } : {}) });
    observePorts(store, bus, health);
    const isCluster = config.profile === 'cluster';
    const documents = new ObservedDocuments(store.documents, isCluster ? 'mongodb' : 'sqlite');
    return { logger, store, documents, bus, bareObjects: objects, objects: objects && new ObservedObjectStore(objects, isCluster ? 's3' : 'filesystem'), cache, engine, rpc, strategy, health, clock: new SystemClock(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All services in one process are `tessera`, one alone `tessera-billing`. */
const serviceNameOf = (name: string): string => (name.includes('+') ? 'tessera' : `tessera-${name}`);

/** Loaded where it is needed: the runtime of the models and the codec of pictures take their time and their memory. */
async function openEngineFor({ engine, modelsDir, engineThreads, tritonUrl }: Config, logger: Logger): Promise<DiffusionEngine> {
  const { openEngine } = await import('@tessera/inference/open-engine.js');
  return openEngine({ engine, modelsDir, threads: engineThreads, tritonUrl, logger });
}

function openStore({ profile, dataDir, mongoUrl = '' }: Config, logger: Logger): Promise<OpenDocuments | OpenClusterDocuments> {
  return profile === 'cluster' ? openDocuments({ profile, mongoUrl, logger }) : openDocuments({ dataDir, logger });
}

async function openBus(store: OpenDocuments | OpenClusterDocuments, { kafkaBrokers = [], kafka }: Config, logger: Logger): Promise<EventBus> {
  const { documents } = store;
  return 'outbox' in store ? openEventBus({ outbox: store.outbox, kafkaBrokers, kafka, documents, logger }) : openEventBus({ eventLog: store.eventLog, documents, logger });
}

@Global()
@Module({})
export class PortsModule {
  static for(config: Config, ports: Ports): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: LOGGER, useValue: ports.logger satisfies Logger },
      { provide: Clock, useValue: ports.clock },
      { provide: Documents, useValue: ports.documents },
      { provide: EventBus, useValue: ports.bus },
      ...(ports.objects ? [{ provide: ObjectStore, useValue: ports.objects }] : []),
      ...(ports.cache ? [{ provide: Cache, useValue: ports.cache }] : []),
      ...(ports.engine ? [{ provide: DiffusionEngine, useValue: ports.engine }] : []),
      { provide: Rpc, useValue: ports.rpc },
      { provide: HealthChecks, useValue: ports.health },
    ];
    return { module: PortsModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
