import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import multipart from '@fastify/multipart';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Clock, ManualClock } from '@tessera/platform/clock.js';
import { createLogger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { openObjectStore } from '../open-object-store.js';
import { FilesystemObjectStore } from './filesystem-object-store.js';
import { ObjectLinksModule } from './object-links.module.js';

@Global()
@Module({})
class PlatformModule {
  static for(clock: Clock): DynamicModule {
    const providers = [
      { provide: Clock, useValue: clock },
      { provide: LOGGER, useValue: createLogger('silent', 'objects') },
    ];
    return { module: PlatformModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}

@Module({})
class ServerModule {}

export type ServedFolder = { readonly store: FilesystemObjectStore; readonly clock: ManualClock; readonly dataDir: string; readonly url: string; close(): Promise<void> };

/** A folder in a temporary place and a server that answers its links, for tests. */
export async function serveFolder(): Promise<ServedFolder> {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-objects-'));
  const clock = new ManualClock();
  let url = '';
  const store = await openObjectStore({ dataDir, publicUrl: () => url, clock });
  const server = { module: ServerModule, imports: [PlatformModule.for(clock), ObjectLinksModule.for(store)] };
  const app = await NestFactory.create<NestFastifyApplication>(server, new FastifyAdapter({ routerOptions: { maxParamLength: 600 }, forceCloseConnections: true }), { logger: ['error'], abortOnError: false });
  await app.register(multipart);
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
  return {
    store, clock, dataDir, url,
    async close() {
      await app.close();
      await store.close();
      await fs.rm(dataDir, { recursive: true, force: true });
    },
  };
}
