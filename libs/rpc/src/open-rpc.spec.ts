import 'reflect-metadata';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { EchoController } from './fixtures/echo.controller.js';
import { StreamController } from './fixtures/stream.controller.js';
import { openRpc } from './open-rpc.js';
import { describeRpcConformance } from './rpc.conformance.js';
import { describeStreamConformance } from './rpc-streams.conformance.js';

@Module({ controllers: [EchoController, StreamController] })
class EchoModule {}

const contracts = [BillingService, StorageService];
const echo: ServiceDefinition = { name: 'echo', module: EchoModule, contracts, uses: [], calls: [] };

async function openInProcess() {
  const { ports, close } = await startTestHost([echo]);
  return { rpc: ports.rpc, close };
}

async function openOverGrpc() {
  const { grpcAddress = '', close } = await startTestHost([echo]);
  const { rpc } = openRpc(new Map(contracts.map(({ typeName }) => [typeName, grpcAddress])));
  return {
    rpc,
    url: grpcAddress,
    close: async () => {
      await rpc.close();
      await close();
    },
  };
}

for (const [name, open] of [
  ['in process', openInProcess],
  ['over gRPC', openOverGrpc],
] as const) {
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
      client
        .makeClientStreamRequest(
          `/${StorageService.typeName}/PutOutput`,
          (wire: Buffer) => wire,
          (wire) => wire,
          (error) => resolve(error?.details),
        )
        .end(Buffer.from([0x12, 1, 0]));
    });
    expect(await ended).toContain('has not ended its messages with an empty one');
    client.close();
  });
});
