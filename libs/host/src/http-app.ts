import type { DynamicModule, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** An application that speaks HTTP. Imported only by a process with such a service: Fastify, its validators and serializers are some three hundred modules. */
export function createHttpApp(module: DynamicModule, options: NestApplicationOptions): Promise<NestFastifyApplication> {
  // Without Host, Node would answer 400 and nothing else; the services' own refusal says what is wrong.
  const adapter = new FastifyAdapter({ http: { requireHostHeader: false }, bodyLimit: 1024 * 1024, forceCloseConnections: true, routerOptions: { maxParamLength: 600 } });
  return NestFactory.create<NestFastifyApplication>(module, adapter, { ...options, forceCloseConnections: true });
}
