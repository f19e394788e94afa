import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, credentials } from '@grpc/grpc-js';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { createLogger } from '@tessera/platform/logger.js';
import { createServer } from 'node:net';
import { EchoController } from './fixtures/echo.controller.js';
import { StreamController } from './fixtures/stream.controller.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { TraceInterceptor } from './grpc/trace.interceptor.js';
import { openRpc } from './open-rpc.js';
import { packageDefinition } from './package-definition.js';
import { RpcErrorFilter } from './rpc-error.filter.js';
import { describeRpcConformance } from './rpc.conformance.js';
import { describeStreamConformance } from './rpc-streams.conformance.js';

@Module({ controllers: [EchoController, StreamController] })
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

async function openInProcess() {
  const { rpc, strategy } = openRpc(new Map());
  const app = await serve({ strategy });
  return { rpc, close: async () => { await rpc.close(); await app.close(); } };
}

async function openOverGrpc() {
  const url = `127.0.0.1:${await freePort()}`;
  const contracts = [BillingService, StorageService];
  const strategy = new GrpcServer({ url, package: ['tessera.billing.v1', 'tessera.storage.v1'], packageDefinition: packageDefinition(contracts) });
  const app = await serve({ strategy });
  const { rpc } = openRpc(new Map(contracts.map(({ typeName }) => [typeName, url])));
  return { rpc, url, close: async () => { await rpc.close(); await app.close(); } };
}

for (const [name, open] of [['in process', openInProcess], ['over gRPC', openOverGrpc]] as const) {
  describeRpcConformance(name, open);
  describeStreamConformance(name, open);
}

describe('a stream of a caller over gRPC', () => {
  let opened: Awaited<ReturnType<typeof openOverGrpc>>;
  beforeAll(async () => {
    opened = await openOverGrpc();
  });
  afterAll(() => opened.close());

  it('is taken for one that was cut short when it ends without its mark', async () => {
    const client = new Client(opened.url, credentials.createInsecure());
    const ended = new Promise((resolve) => {
      client.makeClientStreamRequest(`/${StorageService.typeName}/PutOutput`, (wire: Buffer) => wire, (wire) => wire, (error) => resolve(error?.details)).end(Buffer.from([0x12, 1, 0]));
    });
    expect(await ended).toContain('has not ended its messages with an empty one');
    client.close();
  });
});
