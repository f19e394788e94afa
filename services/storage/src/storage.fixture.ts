import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import 'reflect-metadata';
import multipart from '@fastify/multipart';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AssetMarkedSchema, type AssetMarked } from '@tessera/contracts/tessera/storage/v1/events_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { Documents } from '@tessera/documents/documents.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { ObjectLinksModule } from '@tessera/objects/filesystem/object-links.module.js';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { openObjectStore } from '@tessera/objects/open-object-store.js';
import { Clock, ManualClock } from '@tessera/platform/clock.js';
import { createLogger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { openRpc } from '@tessera/rpc/open-rpc.js';
import { RpcErrorFilter } from '@tessera/rpc/rpc-error.filter.js';
import sharp from 'sharp';
import { storage } from './storage.module.js';

@Global()
@Module({})
class PortsModule {
  static of(ports: ReadonlyMap<unknown, unknown>): DynamicModule {
    const providers = [...ports].map(([provide, useValue]) => ({ provide: provide as symbol, useValue }));
    return { module: PortsModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}

@Module({})
class HostModule {}

export type RunningStorage = Awaited<ReturnType<typeof runStorage>>;

/** The service with its real ports on a temporary folder, reached as other services reach it. */
export async function runStorage() {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-storage-'));
  const logger = createLogger('silent', 'storage');
  const clock = new ManualClock();
  const opened = await openDocuments({ dataDir });
  const bus = openEventBus({ eventLog: opened.eventLog, documents: opened.documents, logger });
  let url = '';
  const objects = await openObjectStore({ dataDir, publicUrl: () => url, clock });
  const { rpc, strategy } = openRpc(new Map());
  const ports = new Map<unknown, unknown>([[Documents, opened.documents], [EventBus, bus], [ObjectStore, objects], [Clock, clock], [LOGGER, logger]]);
  const root = { module: HostModule, imports: [PortsModule.of(ports), storage.module, ObjectLinksModule.for(objects)] };
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter({ forceCloseConnections: true }), { logger: ['error'], abortOnError: false });
  await app.register(multipart);
  app.useGlobalFilters(new RpcErrorFilter(logger));
  app.connectMicroservice<MicroserviceOptions>({ strategy }, { inheritAppConfig: true });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
  const marked: AssetMarked[] = [];
  bus.subscribe(AssetMarkedSchema, 'spec', async (event) => void marked.push(event));
  await bus.start();
  return {
    marked, app, bus, clock, objects, documents: opened.documents,
    storage: rpc.client(StorageService),
    async close(): Promise<void> {
      await app.close();
      await bus.stop();
      await rpc.close();
      await objects.close();
      await opened.close();
      await fs.rm(dataDir, { recursive: true, force: true });
    },
  };
}

export const accountId = 'account-1';

/** A small picture with noise in it, so that cutting it off shows. */
export function paint(format: 'png' | 'jpeg' | 'webp' | 'gif', sidePx = 64): Promise<Buffer> {
  return sharp({ create: { width: sidePx, height: sidePx, channels: 3, background: 'red', noise: { type: 'gaussian', mean: 128, sigma: 30 } } }).toFormat(format).toBuffer();
}

export const newAsset = (assetId: string, index: number, data: Uint8Array, contentType = 'image/png') => ({ assetId, index, contentType, widthPx: 64, heightPx: 64, data });
