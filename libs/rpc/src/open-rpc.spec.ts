import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { createLogger } from '@tessera/platform/logger.js';
import { createServer } from 'node:net';
import { EchoController } from './fixtures/echo.controller.js';
import { TraceInterceptor } from './grpc/trace.interceptor.js';
import { openRpc } from './open-rpc.js';
import { packageDefinition } from './package-definition.js';
import { RpcErrorFilter } from './rpc-error.filter.js';
import { describeRpcConformance } from './rpc.conformance.js';

@Module({ controllers: [EchoController] })
class EchoModule {}

async function serve(options: MicroserviceOptions) {
  const app = await NestFactory.create(EchoModule, new FastifyAdapter(), { logger: false });
  app.useGlobalFilters(new RpcErrorFilter(createLogger('silent', 'rpc')));
  app.useGlobalInterceptors(new TraceInterceptor());
  app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig: true });
  await app.startAllMicroservices();
  await app.init();
  return app;
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describeRpcConformance('in process', async () => {
  const { rpc, strategy } = openRpc(new Map());
  const app = await serve({ strategy });
  return { rpc, close: async () => { await rpc.close(); await app.close(); } };
});

describeRpcConformance('over gRPC', async () => {
  const url = `127.0.0.1:${await freePort()}`;
  const app = await serve({ transport: Transport.GRPC, options: { url, package: 'tessera.billing.v1', packageDefinition: packageDefinition([BillingService]) } });
  const { rpc } = openRpc(new Map([[BillingService.typeName, url]]));
  return { rpc, close: async () => { await rpc.close(); await app.close(); } };
});
