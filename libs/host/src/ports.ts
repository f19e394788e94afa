import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { Documents } from '@tessera/documents/documents.js';
import { openDocuments, type OpenClusterDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { openEngine } from '@tessera/inference/open-engine.js';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { openObjectStore } from '@tessera/objects/open-object-store.js';
import { Clock, SystemClock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { openRpc } from '@tessera/rpc/open-rpc.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { Gauge, Counter, register } from 'prom-client';
import { addressesOf } from './peers.js';

type Closable = { close(): Promise<void> | void };

export type Ports = Awaited<ReturnType<typeof openPorts>>;

/** Opens every port for the profile. This is the one place where a profile picks its adapters. What has opened when another refuses is closed again. */
export async function openPorts(config: Config, name: string, publicUrl: () => string) {
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
    const store = keep(await openStore(config, logger));
    const cache = keep(await openCache({ profile: config.profile, redisUrl: config.redisUrl, logger }));
    const objects = keep(await openObjectStore({ profile: config.profile, dataDir: config.dataDir, publicUrl, s3: config.s3, logger }));
    const engine = keep(await openEngine({ engine: config.engine, modelsDir: config.modelsDir, threads: config.engineThreads, tritonUrl: config.tritonUrl, logger }));
    const { rpc, strategy } = openRpc(addressesOf(config.peers));
    keep(rpc);
    const bus = await openBus(store, config, logger);
    keep({ close: () => bus.stop() });
    observeStore(store, bus);
    return { logger, store, bus, objects, cache, engine, rpc, strategy, clock: new SystemClock(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function openStore({ profile, dataDir, mongoUrl = '' }: Config, logger: Logger): Promise<OpenDocuments | OpenClusterDocuments> {
  return profile === 'cluster' ? openDocuments({ profile, mongoUrl, logger }) : openDocuments({ dataDir, logger });
}

async function openBus(store: OpenDocuments | OpenClusterDocuments, { kafkaBrokers = [] }: Config, logger: Logger): Promise<EventBus> {
  const { documents } = store;
  return 'outbox' in store ? openEventBus({ outbox: store.outbox, kafkaBrokers, documents, logger }) : openEventBus({ eventLog: store.eventLog, documents, logger });
}

function observeStore(store: OpenDocuments | OpenClusterDocuments, bus: EventBus): void {
  register.removeSingleMetric('tessera_store_commit_groups_total');
  register.removeSingleMetric('tessera_events_lag');
  register.removeSingleMetric('tessera_outbox_waiting');
  let seen = 0;
  const groups = new Counter({
    name: 'tessera_store_commit_groups_total',
    help: 'Groups of commits written to the document store; each is one fsync.',
    collect() {
      const now = store.fsyncs();
      this.inc(now - seen);
      seen = now;
    },
  });
  const lag = new Gauge({
    name: 'tessera_events_lag',
    help: 'Events committed and not yet handled.',
    labelNames: ['group'],
    async collect() {
      // A broker that does not answer must not take all other metrics with it: then the last values stand.
      const lags = await bus.lag().catch(() => ({}));
      for (const [group, events] of Object.entries(lags)) this.set({ group }, events);
    },
  });
  void [groups, lag];
  if ('outbox' in store) observeOutbox(store);
}

function observeOutbox({ outbox }: OpenClusterDocuments): void {
  void new Gauge({
    name: 'tessera_outbox_waiting',
    help: 'Events of all services committed and not yet handed on to the broker.',
    async collect() {
      this.set(await outbox.waiting().catch(() => Number.NaN));
    },
  });
}

@Global()
@Module({})
export class PortsModule {
  static for(config: Config, ports: Ports): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: LOGGER, useValue: ports.logger satisfies Logger },
      { provide: Clock, useValue: ports.clock },
      { provide: Documents, useValue: ports.store.documents },
      { provide: EventBus, useValue: ports.bus },
      { provide: ObjectStore, useValue: ports.objects },
      { provide: Cache, useValue: ports.cache },
      { provide: DiffusionEngine, useValue: ports.engine },
      { provide: Rpc, useValue: ports.rpc },
    ];
    return { module: PortsModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
