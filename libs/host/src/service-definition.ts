import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { DynamicModule, INestApplication, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '@tessera/platform/config.js';

/** Ports that not every service needs; `events` stands on `documents`. A process opens what its services name: the rest costs it neither memory, nor a connection, nor a secret. */
export type OptionalPort = 'documents' | 'events' | 'cache' | 'objects' | 'models' | 'engine';

/** What is known of a service without loading it. */
export type ServiceFacts = {
  /** Its folder's name, and its name in `TESSERA_PEERS`. */
  readonly name: string;
  /** gRPC services that its controllers implement, for other services. */
  readonly contracts: readonly DescService[];
  /** gRPC services that it implements for the outside world, with reflection and health. */
  readonly publicContracts?: readonly DescService[];
  /** How callers of the public contracts write a field that a refusal names; undefined when they cannot have written it. */
  readonly publicParam?: (method: DescMethod, param: string) => string | undefined;
  readonly uses: readonly OptionalPort[];
  /** Services that it calls. */
  readonly calls: readonly string[];
};

/** All that a host must know of a service. */
export type ServiceDefinition = ServiceFacts & {
  readonly module: Type | DynamicModule;
  /** Prepares the HTTP side before the application starts: body limits, error shape, static files. */
  /** Asked before a call of the public contracts is read: resolves for who may call, and rejects with the refusal. */
  readonly publicCaller?: (app: INestApplication) => (authorization: string | undefined) => Promise<unknown>;
  readonly configureHttp?: (app: NestFastifyApplication, config: Config) => Promise<void>;
};
