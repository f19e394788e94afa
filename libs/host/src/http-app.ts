import type { DynamicModule, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** Routes are validated and serialised by the services' own schemas. With these in place Fastify does not load its compilers of JSON schemas, a hundred modules and some megabytes. */
const noSchemas = (): never => {
  throw new Error('A route has a JSON schema of Fastify, which nothing here compiles; validate in the controller.');
};
/** From the first byte of a request to the last of its body, uploads of 25 MiB over slow lines among them; and of its headers. */
const requestMs = 300_000;
const headersMs = 15_000;

const schemaController = { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } };

/** An application that speaks HTTP. Imported only by a process with such a service: Fastify is some two hundred modules. */
export function createHttpApp(module: DynamicModule, options: NestApplicationOptions): Promise<NestFastifyApplication> {
  // Without Host, Node would answer 400 and nothing else; the services' own refusal says what is wrong.
  const adapter = new FastifyAdapter({
    schemaController,
    http: { requireHostHeader: false, headersTimeout: headersMs, connectionsCheckingInterval: 2_000 },
    requestTimeout: requestMs,
    bodyLimit: 1024 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 600 },
  });
  return NestFactory.create<NestFastifyApplication>(module, adapter, { ...options, forceCloseConnections: true });
}
