import { Documents } from '@tessera/documents/documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import type { PortReplacements } from '@tessera/host/ports.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import type { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { FastifyInstance } from 'fastify';
import { gateway } from './gateway.module.js';
import { Installation } from './start/installation.js';
import { SmallServices } from './services.fixture.js';
import { DeliveryWorker } from './webhooks/delivery-worker.js';
import { Subscriptions } from './webhooks/subscriptions.js';

export type OpenGateway = {
  readonly url: string;
  readonly grpcAddress: string;
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

/** `name` lets a second one on the same folder, as several share one store in a cluster. */
type Options = {
  readonly name?: string;
  readonly dataDir?: string;
  readonly services?: SmallServices;
  readonly apiKey?: string;
  readonly webhookPrivateNetworks?: boolean;
  readonly corsOrigins?: readonly string[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly cache?: PortReplacements['cache'];
};

/** The gateway alone, as its own process would host it, with small stand-ins for the services behind it. */
export async function openGateway({
  services = new SmallServices(),
  name = gateway.name,
  clock,
  logger,
  cache,
  ...config
}: Options = {}): Promise<OpenGateway> {
  const routes: string[] = [];
  const hosted = await startTestHost([{ ...noting(routes), name }], {
    config,
    replace: { standIns: services, ...(clock ? { clock } : {}), ...(logger ? { logger } : {}), ...(cache ? { cache } : {}) },
  });
  const { url, dataDir, grpcAddress = '' } = hosted;
  const installation = hosted.get(Installation);
  const key = installation.mintedKey ?? config.apiKey ?? '';
  return {
    url,
    grpcAddress,
    key,
    dataDir,
    services,
    installation,
    routes,
    bus: hosted.get(EventBus),
    documents: hosted.get(Documents),
    worker: hosted.get(DeliveryWorker),
    subscriptions: hosted.get(Subscriptions),
    fetch: (pathname, { headers, ...init } = {}) =>
      fetch(new URL(pathname, url), {
        ...init,
        headers: { authorization: `Bearer ${key}`, ...(init.body ? { 'content-type': 'application/json' } : {}), ...headers },
      }),
    close: () => hosted.close(),
  };
}

/** The gateway, whose routes are written down as the router learns them. */
const noting = (routes: string[]): ServiceDefinition => ({
  ...gateway,
  async configureHttp(app, config) {
    const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    server.addHook('onRoute', ({ method, url }) => void routes.push(`${String(method)} ${url}`));
    await gateway.configureHttp?.(app, config);
  },
});
