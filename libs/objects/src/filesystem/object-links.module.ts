import { Module, type DynamicModule } from '@nestjs/common';
import { FilesystemObjectStore } from './filesystem-object-store.js';
import { ObjectLinksController } from './object-links.controller.js';

/** The HTTP face of the folder. Needs `@fastify/multipart` registered on the server, and Clock and LOGGER from a global module. */
@Module({})
export class ObjectLinksModule {
  static for(store: FilesystemObjectStore): DynamicModule {
    return { module: ObjectLinksModule, controllers: [ObjectLinksController], providers: [{ provide: FilesystemObjectStore, useValue: store }] };
  }
}
