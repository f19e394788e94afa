import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { EchoController } from './fixtures/echo.controller.js';
import { openRpc } from './open-rpc.js';
import { describeRpcConformance } from './rpc.conformance.js';

@Module({ controllers: [EchoController] })
class EchoModule {}

const echo: ServiceDefinition = { name: 'echo', module: EchoModule, contracts: [BillingService], uses: [], calls: [] };

describeRpcConformance('in process', async () => {
  const { ports, close } = await startTestHost([echo]);
  return { rpc: ports.rpc, close };
});

describeRpcConformance('over gRPC', async () => {
  const { grpcAddress = '', close } = await startTestHost([echo]);
  const { rpc } = openRpc(new Map([[BillingService.typeName, grpcAddress]]));
  return { rpc, close: async () => { await rpc.close(); await close(); } };
});
