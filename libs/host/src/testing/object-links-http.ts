import multipart from '@fastify/multipart';
import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '../service-definition.js';

@Module({})
class NoModule {}

/** Only a process that speaks HTTP serves the links of the folder of objects; this makes one of services that do not. */
export const objectLinksHttp: ServiceDefinition = {
  name: 'object-links',
  module: NoModule,
  contracts: [],
  uses: ['objects'],
  calls: [],
  configureHttp: async (app) => void (await app.register(multipart as never)),
};
