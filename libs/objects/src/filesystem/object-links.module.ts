import { Module, type DynamicModule } from '@nestjs/common';
import type { ObjectStore } from '../object-store.js';
import { FilesystemObjectStore } from './filesystem-object-store.js';
import { ObjectLinksController } from './object-links.controller.js';

/** The HTTP routes of the folder; empty for a store that serves its links itself. Needs `@fastify/multipart` registered on the server, and Clock and LOGGER from a global module. */
@Module({})
export class ObjectLinksModule {
  static for(store: ObjectStore): DynamicModule {
    if (!(store instanceof FilesystemObjectStore)) return { module: ObjectLinksModule };
    return {
      module: ObjectLinksModule,
      controllers: [ObjectLinksController],
      providers: [{ provide: FilesystemObjectStore, useValue: store }],
    };
  }
}
