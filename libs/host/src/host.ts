import 'reflect-metadata';
import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import type { Server, ServerInterceptor } from '@grpc/grpc-js';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { DescService } from '@bufbuild/protobuf';
import { ObjectLinksModule } from '@tessera/objects/filesystem/object-links.module.js';
import type { Config } from '@tessera/platform/config.js';
import type { Logger } from '@tessera/platform/logger.js';
import { grpcChannelOptions, messageBytesMax, publicChannelOptions, publicMessageBytesMax } from '@tessera/rpc/grpc/grpc-options.js';
import { GrpcServer } from '@tessera/rpc/grpc/grpc-server.js';
import { publicCalls } from '@tessera/rpc/grpc/public-calls.js';
import { TraceInterceptor } from '@tessera/rpc/grpc/trace.interceptor.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { RpcErrorFilter } from '@tessera/rpc/rpc-error.filter.js';
import { freePort } from './free-port.js';
import { lockFolder } from './folder-lock.js';
import { serveHealth } from './health-server.js';
import { NestLogs } from './nest-logs.js';
import { NullHttpAdapter } from './null-http-adapter.js';
import { redriveWhenAsked } from './redrives.js';
import { openPorts, PortsModule, type PortReplacements, type Ports } from './ports.js';
import { addReflectionAndHealth } from './public-grpc.js';
import type { ServiceDefinition } from './service-definition.js';

export type Hosted = {
  readonly app: INestApplication;
  readonly ports: Ports;
  /** Of the HTTP server of the services; of health and metrics when the services have none; empty when nobody listens. */
  readonly url: string;
  /** `host:port` of the gRPC server; absent when the services have no contract to serve. */
  readonly grpcAddress: string | undefined;
  close(): Promise<void>;
};

@Module({})
class HostModule {
  static for(services: readonly ServiceDefinition[], config: Config, ports: Ports): DynamicModule {
    const links = servesHttp(services) && ports.bareObjects ? [ObjectLinksModule.for(ports.bareObjects)] : [];
    return {
      module: HostModule,
      imports: [
        PortsModule.for(
          config,
          ports,
          services.map(({ name }) => name),
        ),
        ...services.map((service) => service.module),
        ...links,
      ],
    };
  }
}

const servesHttp = (services: readonly ServiceDefinition[]): boolean => services.some((service) => service.configureHttp);

const keepsData = ({ uses }: ServiceDefinition): boolean => uses.includes('documents') || uses.includes('objects');

/** One process: any subset of the services, on one profile. What has started when something fails is closed again. Tests replace some ports; see `testing/`. */
export async function host(services: readonly ServiceDefinition[], config: Config, replacements: PortReplacements = {}): Promise<Hosted> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  try {
    // In a cluster a service may run any number of times: its servers, not a folder, keep the processes apart.
    if (config.profile === 'single')
      for (const service of services.filter(keepsData)) closers.push(lockFolder(config.dataDir, service.name));
    let url = config.publicUrl ?? `http://${config.httpHost}:${config.httpPort}`;
    // A folder of objects has no server of its own: the process with an HTTP server serves its links.
    const uses = new Set([
      ...services.flatMap((service) => service.uses),
      ...(config.profile === 'single' && servesHttp(services) ? (['objects'] as const) : []),
    ]);
    const ports = await openPorts(config, services.map((service) => service.name).join('+'), () => url, uses, replacements);
    closers.push(() => ports.close());
    const healthServers = await Promise.all(healthPorts(services, config).map((port) => serveHealth(port, config.httpHost, ports.health)));
    closers.push(async () => void (await Promise.all(healthServers.map((server) => server.close()))));
    const { app, listen } = await createApp(services, config, ports);
    closers.push(() => app.close());
    await ports.store?.ready();
    const grpcAddress = await connectGrpc(app, services, config, ports.logger);
    await app.startAllMicroservices();
    const httpPort = (await listen()) ?? healthServers.at(-1)?.port;
    app.useLogger(new NestLogs(ports.logger));
    url = config.publicUrl ?? (httpPort === undefined ? '' : urlOf(config.httpHost, httpPort));
    if (ports.bus) redriveWhenAsked(ports.bus, services.map(({ name }) => name).join('+'), ports.logger);
    await ports.bus?.start();
    for (const server of healthServers) server.started();
    closers.push(() => healthServers.forEach((server) => server.stopping()));
    return { app, ports, url, grpcAddress, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The HTTP port serves health, too, where services that are called serve no HTTP; it comes last. A process that nobody calls, such as a worker, runs many times on a machine and has no port but the one it is given. */
const healthPorts = (services: readonly ServiceDefinition[], { healthPort, httpPort }: Config): number[] => [
  ...(healthPort === 0 ? [] : [healthPort]),
  ...(servesHttp(services) || !isCalled(services) ? [] : [httpPort]),
];

const isCalled = (services: readonly ServiceDefinition[]): boolean =>
  services.some(({ contracts, publicContracts = [] }) => contracts.length + publicContracts.length > 0);

/** `listen` resolves with the HTTP port, if there is one. */
type App = { readonly app: INestApplication; listen(): Promise<number | undefined> };

/** Logs nothing until it listens: what fails before is thrown, and reported once by the caller. */
async function createApp(services: readonly ServiceDefinition[], config: Config, ports: Ports): Promise<App> {
  const module = HostModule.for(services, config, ports);
  const options = { logger: false, abortOnError: false } as const;
  if (!servesHttp(services)) {
    const app = await NestFactory.create(module, new NullHttpAdapter(), options);
    connectRpc(app, services, ports);
    return { app, listen: async () => void (await app.init()) };
  }
  const { createHttpApp } = await import('./http-app.js');
  const app = await createHttpApp(module, options);
  // Before the services' own: of several filters that catch everything Nest asks the one that was added last, and this one knows only how to answer a call.
  connectRpc(app, services, ports);
  for (const service of services) await service.configureHttp?.(app, config);
  const listen = async () => {
    await app.listen(config.httpPort, config.httpHost);
    const address = app.getHttpServer().address();
    return typeof address === 'object' && address ? address.port : config.httpPort;
  };
  return { app, listen };
}

/** Calls in process; what goes wrong in a handler leaves it as a refusal, and the trace goes on in it. */
function connectRpc(app: INestApplication, services: readonly ServiceDefinition[], ports: Ports): void {
  app.useGlobalFilters(new RpcErrorFilter(ports.logger));
  app.useGlobalInterceptors(
    new TraceInterceptor(new Set(services.flatMap((service) => service.publicContracts ?? []).map(({ typeName }) => typeName))),
  );
  app.connectMicroservice<MicroserviceOptions>({ strategy: ports.strategy }, { inheritAppConfig: true });
}

/** The public contracts if there are any, else the services' own. */
async function connectGrpc(
  app: INestApplication,
  services: readonly ServiceDefinition[],
  config: Config,
  logger: Logger,
): Promise<string | undefined> {
  const publicContracts = services.flatMap((service) => service.publicContracts ?? []);
  const contracts = publicContracts.length > 0 ? publicContracts : services.flatMap((service) => service.contracts);
  if (contracts.length === 0) return undefined;
  const isPublic = publicContracts.length > 0;
  // Nest keeps the port that it bound to itself, so a free one is chosen beforehand.
  const address = `${bracketed(config.grpcHost)}:${config.grpcPort || (await freePort(config.grpcHost))}`;
  app.connectMicroservice<MicroserviceOptions>(
    {
      strategy: new GrpcServer({
        url: address,
        package: [...new Set(contracts.map((contract) => contract.file.proto.package))],
        packageDefinition: packageDefinition(contracts as DescService[]),
        maxReceiveMessageLength: isPublic ? publicMessageBytesMax : messageBytesMax,
        maxSendMessageLength: messageBytesMax,
        channelOptions: { ...grpcChannelOptions, ...(isPublic ? publicChannelOptions : {}), ...interceptorsOf(app, services, logger) },
        onLoadPackageDefinition: (_: unknown, server: Pick<Server, 'addService'>) => addReflectionAndHealth(server, contracts),
      }),
    },
    { inheritAppConfig: true },
  );
  return address;
}

/** grpc-js takes interceptors of a server among its options, and Nest hands those through. */
function interceptorsOf(
  app: INestApplication,
  services: readonly ServiceDefinition[],
  logger: Logger,
): { interceptors: ServerInterceptor[] } {
  return {
    interceptors: services.flatMap(({ publicContracts = [], publicParam, publicCaller }) =>
      publicContracts.length === 0
        ? []
        : [publicCalls(publicContracts, publicParam ?? ((_, param) => param), publicCaller?.(app) ?? (async () => undefined), logger)],
    ),
  };
}

function urlOf(httpHost: string, port: number): string {
  const name = httpHost === '0.0.0.0' || httpHost === '::' ? 'localhost' : httpHost;
  return `http://${bracketed(name)}:${port}`;
}

/** As an address of IPv6 stands before a port. */
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
