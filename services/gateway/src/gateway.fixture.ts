import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { BillingService } from '@tessera/contracts/tessera/gateway/v1/billing_pb.js';
import { TesseraService } from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { WebhookService } from '@tessera/contracts/tessera/gateway/v1/webhooks_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { Documents } from '@tessera/documents/documents.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { Clock, SystemClock } from '@tessera/platform/clock.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { Config, parseConfig } from '@tessera/platform/config.js';
import { createLogger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { RpcErrorFilter } from '@tessera/rpc/rpc-error.filter.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import type { FastifyInstance } from 'fastify';
import { GatewayModule } from './gateway.module.js';
import { configureHttp } from './http/configure-http.js';
import { Installation } from './installation.js';
import { SmallServices } from './services.fixture.js';
import { DeliveryWorker } from './webhooks/delivery-worker.js';
import { Subscriptions } from './webhooks/subscriptions.js';

export type OpenGateway = {
  readonly url: string;
  readonly key: string;
  readonly dataDir: string;
  readonly services: SmallServices;
  readonly bus: EventBus;
  readonly documents: Documents;
  readonly worker: DeliveryWorker;
  readonly subscriptions: Subscriptions;
  readonly installation: Installation;
  /** Paths as the server's own router knows them, `GET /things/:id`. */
  readonly routes: readonly string[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
};

@Global()
@Module({})
class TestPorts {}

type Options = { readonly dataDir?: string; readonly services?: SmallServices; readonly apiKey?: string; readonly grpcPort?: number; readonly webhookPrivateNetworks?: boolean; readonly clock?: Clock };

/** The gateway alone, listening, with real documents and cache and small stand-ins for the services behind it. */
export async function openGateway({ dataDir: given, services = new SmallServices(), apiKey, grpcPort, webhookPrivateNetworks, clock = new SystemClock() }: Options = {}): Promise<OpenGateway> {
  const dataDir = given ?? (await mkdtemp(path.join(tmpdir(), 'gateway-')));
  const config = parseConfig({ dataDir, httpPort: 0, logLevel: 'silent', apiKey, publicUrl: 'http://tessera.test', webhookPrivateNetworks });
  const logger = createLogger('silent', 'gateway');
  const store = await openDocuments({ dataDir, logger });
  const bus = openEventBus({ eventLog: store.eventLog, documents: store.documents, logger });
  const cache = await openCache();
  const app = await NestFactory.create<NestFastifyApplication>(
    moduleOf([[Config, config], [LOGGER, logger], [Clock, clock], [Documents, store.documents], [EventBus, bus], [Cache, cache], [Rpc, services], [HealthChecks, new HealthChecks({ documents: () => store.ping() })]]),
    new FastifyAdapter({ bodyLimit: 1024 * 1024, forceCloseConnections: true, routerOptions: { maxParamLength: 600 } }),
    { logger: false },
  );
  const routes: string[] = [];
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  server.addHook('onRoute', ({ method, url }) => void routes.push(`${String(method)} ${url}`));
  app.useGlobalFilters(new RpcErrorFilter(logger));
  if (grpcPort !== undefined) {
    const options = { url: `127.0.0.1:${grpcPort}`, package: [TesseraService.file.proto.package], packageDefinition: packageDefinition([TesseraService, BillingService, WebhookService]) };
    app.connectMicroservice<MicroserviceOptions>({ transport: Transport.GRPC, options }, { inheritAppConfig: true });
  }
  await configureHttp(app, config);
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  await bus.start();
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const installation = app.get(Installation);
  const key = installation.mintedKey ?? apiKey ?? '';
  return {
    url, key, dataDir, services, bus, documents: store.documents, worker: app.get(DeliveryWorker), subscriptions: app.get(Subscriptions), installation, routes,
    fetch: (pathname, { headers, ...init } = {}) => fetch(new URL(pathname, url), { ...init, headers: { authorization: `Bearer ${key}`, ...(init.body ? { 'content-type': 'application/json' } : {}), ...headers } }),
    async close() {
      await bus.stop();
      await app.close();
      await cache.close();
      await store.close();
      if (!given) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function moduleOf(values: readonly (readonly [token: unknown, value: unknown])[]): DynamicModule {
  const providers = values.map(([provide, useValue]) => ({ provide: provide as never, useValue }));
  return { module: class TestRoot {}, imports: [{ module: TestPorts, providers, exports: providers.map(({ provide }) => provide) }, GatewayModule] };
}
