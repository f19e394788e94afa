import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import type { Server } from '@grpc/grpc-js';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DescService } from '@bufbuild/protobuf';
import { ObjectLinksModule } from '@tessera/objects/filesystem/object-links.module.js';
import type { Config } from '@tessera/platform/config.js';
import { grpcChannelOptions, messageBytesMax } from '@tessera/rpc/grpc/grpc-options.js';
import { TraceInterceptor } from '@tessera/rpc/grpc/trace.interceptor.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { RpcErrorFilter } from '@tessera/rpc/rpc-error.filter.js';
import { freePort } from './free-port.js';
import { lockFolder } from './folder-lock.js';
import { HealthController } from './health.controller.js';
import { serveHealth } from './health-server.js';
import { NestLogs } from './nest-logs.js';
import { openPorts, PortsModule, type Ports } from './ports.js';
import { addReflectionAndHealth } from './public-grpc.js';
import type { ServiceDefinition } from './service-definition.js';

export type Hosted = {
  readonly app: NestFastifyApplication;
  readonly ports: Ports;
  readonly url: string;
  /** `host:port` of the gRPC server; absent when the services have no contract to serve. */
  readonly grpcAddress: string | undefined;
  close(): Promise<void>;
};

@Module({})
class HostModule {
  static for(services: readonly ServiceDefinition[], config: Config, ports: Ports): DynamicModule {
    const hasHttpFace = services.some((service) => service.configureHttp);
    return {
      module: HostModule,
      imports: [PortsModule.for(config, ports), ...services.map((service) => service.module), ...(hasHttpFace ? [ObjectLinksModule.for(ports.bareObjects)] : [])],
      controllers: hasHttpFace ? [] : [HealthController],
    };
  }
}

/** One process: any subset of the services, on one profile. What has started when something fails is closed again. */
export async function host(services: readonly ServiceDefinition[], config: Config): Promise<Hosted> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  try {
    // In a cluster a service may run any number of times: its servers, not a folder, keep the processes apart.
    if (config.profile === 'single') for (const service of services) closers.push(lockFolder(config.dataDir, service.name));
    let url = config.publicUrl ?? `http://${config.httpHost}:${config.httpPort}`;
    const usesEngine = services.some((service) => service.usesEngine);
    const ports = await openPorts(config, services.map((service) => service.name).join('+'), () => url, usesEngine);
    closers.push(() => ports.close());
    const healthServer = config.healthPort === 0 ? undefined : await serveHealth(config.healthPort, config.httpHost, ports.health);
    closers.push(() => healthServer?.close());
    const app = await createApp(services, config, ports);
    closers.push(() => app.close());
    const grpcAddress = await connectRpc(app, services, config, ports);
    for (const service of services) await service.configureHttp?.(app, config);
    await app.startAllMicroservices();
    await app.listen(config.httpPort, config.httpHost);
    app.useLogger(new NestLogs(ports.logger));
    url = config.publicUrl ?? listeningUrl(app, config);
    await ports.bus.start();
    healthServer?.started();
    closers.push(() => healthServer?.stopping());
    return { app, ports, url, grpcAddress, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Silent until it listens: what fails before is thrown, and told once by whoever starts us. */
function createApp(services: readonly ServiceDefinition[], config: Config, ports: Ports): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ bodyLimit: 1024 * 1024, forceCloseConnections: true, routerOptions: { maxParamLength: 600 } });
  return NestFactory.create<NestFastifyApplication>(HostModule.for(services, config, ports), adapter, { logger: false, abortOnError: false, forceCloseConnections: true });
}

/** In process always; over gRPC the public contracts if there are any, else the services' own. */
async function connectRpc(app: NestFastifyApplication, services: readonly ServiceDefinition[], config: Config, ports: Ports): Promise<string | undefined> {
  const publicContracts = services.flatMap((service) => service.publicContracts ?? []);
  app.useGlobalFilters(new RpcErrorFilter(ports.logger));
  app.useGlobalInterceptors(new TraceInterceptor(new Set(publicContracts.map(({ typeName }) => typeName))));
    app.connectMicroservice<MicroserviceOptions>({ strategy: ports.strategy }, { inheritAppConfig: true });
  const contracts = publicContracts.length > 0 ? publicContracts : services.flatMap((service) => service.contracts);
  if (contracts.length === 0) return undefined;
  // Nest keeps the port that it bound to itself, so a free one is chosen beforehand.
  const address = `${config.grpcHost}:${config.grpcPort || (await freePort(config.grpcHost))}`;
  app.connectMicroservice<MicroserviceOptions>(
    {
      transport: Transport.GRPC,
      options: {
        url: address,
        package: [...new Set(contracts.map((contract) => contract.file.proto.package))],
        packageDefinition: packageDefinition(contracts as DescService[]),
        maxReceiveMessageLength: messageBytesMax,
        maxSendMessageLength: messageBytesMax,
        channelOptions: grpcChannelOptions,
        onLoadPackageDefinition: (_: unknown, server: Pick<Server, 'addService'>) => addReflectionAndHealth(server, contracts),
      },
    },
    { inheritAppConfig: true },
  );
  return address;
}

function listeningUrl(app: NestFastifyApplication, config: Config): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : config.httpPort;
  const name = config.httpHost === '0.0.0.0' || config.httpHost === '::' ? 'localhost' : config.httpHost;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
