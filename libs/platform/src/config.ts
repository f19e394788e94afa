import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { kafkaFromEnvironment, kafkaSettings } from './kafka-settings.js';
import { telemetryFromEnvironment, telemetrySettings } from './telemetry/settings.js';

/** Refused without repeating it: it may hold a password. */
const connectionString = (...protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => protocols.some((protocol) => text.startsWith(`${protocol}//`) && text.length > protocol.length + 2),
      `must begin with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );

const s3Fields = z.object({
  /** Absent: Amazon's, in the region. */
  endpoint: z.url().optional(),
  /** How clients reach the endpoint, where that differs from how we do: signed links begin with it. */
  publicEndpoint: z.url().optional(),
  region: z.string().min(1).default('us-east-1'),
  bucket: z.string().min(3),
  /** Both or neither; absent: those of a role, found as Amazon's tools find them. */
  accessKeyId: z.string().min(1).optional(),
  secretAccessKey: z.string().min(1).optional(),
});

const s3Schema = s3Fields.superRefine(({ accessKeyId, secretAccessKey }, context) => {
  const pair = 'set TESSERA_S3_ACCESS_KEY_ID and TESSERA_S3_SECRET_ACCESS_KEY, or neither to use a role';
  if (accessKeyId !== undefined && secretAccessKey === undefined)
    context.addIssue({ code: 'custom', path: ['secretAccessKey'], message: `an access key needs its secret; ${pair}` });
  if (accessKeyId === undefined && secretAccessKey !== undefined)
    context.addIssue({ code: 'custom', path: ['accessKeyId'], message: `a secret needs its access key; ${pair}` });
});
export type S3Settings = z.infer<typeof s3Schema>;

/** An address to listen on; one of IPv6 may stand in brackets, as in a URL. */
const host = z.string().transform((text) => text.replace(/^\[(.+)\]$/, '$1'));

/** Everything a process may be told, parsed once at start. Nothing below reads `process.env`. */
const schema = z.object({
  /** `single`: everything embedded in this process. `cluster`: on MongoDB, Kafka, Redis and S3; each adapter asks for its own settings below when it is opened. */
  profile: z.enum(['single', 'cluster']).default('single'),
  dataDir: z.string().min(1),
  httpHost: host.default('127.0.0.1'),
  httpPort: z.coerce.number().int().min(0).max(65535).default(8420),
  grpcHost: host.default('127.0.0.1'),
  /** 0 picks a free port; the public API in `single`, the service's own contract when it runs alone. */
  grpcPort: z.coerce.number().int().min(0).max(65535).default(8421),
  /** How clients reach the gateway: the start of every link that is handed out. Defaults to the listening address. */
  publicUrl: z.url().optional(),
  engine: z.enum(['onnx', 'noop', 'triton', 'python', 'served']).default('onnx'),
  /** gRPC address of the Triton Inference Server that paints when the engine is `triton`; `https:` for TLS. */
  tritonUrl: z
    .string()
    .regex(/^(https?:\/\/)?[^\s/]+:\d+$/, 'a gRPC address, such as http://127.0.0.1:8001')
    .optional(),
  /** The Python that the engine `python` starts, as a name on PATH or a file. */
  pythonProgram: z.string().min(1).default('python3'),
  modelsDir: z.string().optional(),
  /** Pools of workers by the ids of the models that only they hold; all other models are painted in the pool `default`. */
  modelPools: z
    .record(
      z.string(),
      z
        .string()
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'a pool is lower-case letters, digits and dashes')
        .max(20),
    )
    .default({}),
  /** Threads of the inference engine. */
  engineThreads: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(Math.max(1, Math.min(4, os.availableParallelism()))),
  logLevel: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('warn'),
  /** The owner's API key at the first start; minted when absent. */
  apiKey: z.string().min(16).max(256).optional(),
  /** gRPC addresses of services that run in other processes: `billing=127.0.0.1:9001,storage=…`. Empty: all in this process. */
  peers: z.record(z.string(), z.string()).default({}),
  /** The operator's price list; absent: the bundled one. */
  catalogueFile: z.string().optional(),
  /** Signing secrets of Stripe's webhook, more than one while they are being changed; empty: Stripe is not connected. */
  stripeWebhookSecrets: z.array(z.string().min(16).max(256)).max(8).default([]),
  /** Webhooks may go to private networks, and there without TLS: for receivers beside the server. Off, a customer's address can reach the public internet only. */
  webhookPrivateNetworks: z.union([z.boolean(), z.stringbool()]).default(false),
  /** Seals what must be readable again, such as webhook secrets; the same in every gateway. Absent: minted into the data folder. */
  secretsKey: z.string().min(32).max(256).optional(),
  /** Origins whose pages may call the API from a browser, such as `https://app.example.org`; `*`: any. Empty: none. */
  corsOrigins: z
    .array(z.string().regex(/^(\*|https?:\/\/[^\s/]+)$/, 'an origin is a scheme and a host, such as https://app.example.org, or *'))
    .max(50)
    .default([]),
  /** Where the built console lies; absent: none is served. */
  consoleDir: z.string().optional(),
  /** A replica set, for commits of several documents are transactions: `mongodb://host:27017/tessera?replicaSet=rs0`. */
  mongoUrl: connectionString('mongodb:', 'mongodb+srv:').optional(),
  /** `host:port` of some brokers; the client learns the others from them. */
  kafkaBrokers: z
    .array(z.string().regex(/^\S+:\d+$/, 'a broker is host:port'))
    .min(1)
    .optional(),
  /** TLS and SASL; absent: neither. */
  kafka: kafkaSettings.optional(),
  redisUrl: connectionString('redis:', 'rediss:').optional(),
  s3: s3Schema.optional(),
  /** Serves `/healthz`, `/readyz` and `/metrics` apart from everything else; 0: not at all. */
  healthPort: z.coerce.number().int().min(0).max(65535).default(0),
  /** How often an idle worker of its own generates a tiny picture, to check whether its engine still can; 0: never. Default: 60. */
  canarySeconds: z.coerce.number().min(0).max(86_400).optional(),
  /** Whether a process of all services runs jobs itself; else workers of their own must. Default: in `single` it does, in `cluster` it does not. */
  embeddedWorker: z.stringbool().or(z.boolean()).optional(),
  /** How a worker is called in leases; absent: by its machine and process. */
  workerId: z
    .string()
    .regex(/^[\w.-]{1,128}$/, 'letters, digits, dots and dashes')
    .optional(),
  /** The pool that a worker takes jobs from. */
  pool: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'letters, digits, dots and dashes')
    .default('default'),
  /** How long a worker that is asked to stop may finish what it holds before it hands it back. */
  drainSeconds: z.coerce.number().min(0).max(86_400).default(60),
  /** The most pictures that a dataset may have; more than 50 only for full fine-tunes. */
  datasetPicturesMax: z.coerce.number().int().min(1).max(1_000).default(50),
  /** The operator's list of works that nothing is to be learnt from; absent: there is none. */
  trainingOptOutFile: z.string().optional(),
  /** Where traces and metrics are exported to; absent: nowhere. */
  telemetry: telemetrySettings.optional(),
});

export type Config = z.infer<typeof schema>;
export type ConfigInput = z.input<typeof schema>;

/** Injection token of the parsed settings. */
export const Config = Symbol('Config');

/** Throws a sentence that names the offending setting. */
export function parseConfig(input: Partial<Record<keyof ConfigInput, unknown>>): Config {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`Setting ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? 'invalid'}`);
}

const environment: Record<string, keyof ConfigInput> = {
  TESSERA_DATA: 'dataDir',
  TESSERA_HTTP_HOST: 'httpHost',
  TESSERA_HTTP_PORT: 'httpPort',
  TESSERA_GRPC_HOST: 'grpcHost',
  TESSERA_GRPC_PORT: 'grpcPort',
  TESSERA_PUBLIC_URL: 'publicUrl',
  TESSERA_ENGINE: 'engine',
  TESSERA_TRITON_URL: 'tritonUrl',
  TESSERA_PYTHON: 'pythonProgram',
  TESSERA_MODELS: 'modelsDir',
  TESSERA_ENGINE_THREADS: 'engineThreads',
  TESSERA_LOG_LEVEL: 'logLevel',
  TESSERA_API_KEY: 'apiKey',
  TESSERA_CONSOLE: 'consoleDir',
  TESSERA_CATALOGUE: 'catalogueFile',
  TESSERA_WEBHOOK_PRIVATE_NETWORKS: 'webhookPrivateNetworks',
  TESSERA_SECRETS_KEY: 'secretsKey',
  TESSERA_PROFILE: 'profile',
  TESSERA_MONGO_URL: 'mongoUrl',
  TESSERA_REDIS_URL: 'redisUrl',
  TESSERA_HEALTH_PORT: 'healthPort',
  TESSERA_CANARY_SECONDS: 'canarySeconds',
  TESSERA_EMBEDDED_WORKER: 'embeddedWorker',
  TESSERA_WORKER_ID: 'workerId',
  TESSERA_POOL: 'pool',
  TESSERA_DRAIN_SECONDS: 'drainSeconds',
  TESSERA_DATASET_PICTURES_MAX: 'datasetPicturesMax',
  TESSERA_TRAINING_OPT_OUT: 'trainingOptOutFile',
};

const s3Environment: Record<string, keyof S3Settings> = {
  TESSERA_S3_ENDPOINT: 'endpoint',
  TESSERA_S3_PUBLIC_ENDPOINT: 'publicEndpoint',
  TESSERA_S3_REGION: 'region',
  TESSERA_S3_BUCKET: 'bucket',
  TESSERA_S3_ACCESS_KEY_ID: 'accessKeyId',
  TESSERA_S3_SECRET_ACCESS_KEY: 'secretAccessKey',
};

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim());
const pairsOf = (text: string): Record<string, string> =>
  Object.fromEntries(listOf(text).map((pair) => pair.split('=', 2).map((part) => part.trim())));

/** Settings from the environment; what the command line gives wins over it. */
export function configFromEnvironment(env: NodeJS.ProcessEnv, overrides: Partial<Record<keyof ConfigInput, unknown>> = {}): Config {
  const input: Partial<Record<keyof ConfigInput, unknown>> = { dataDir: path.join(os.homedir(), '.tessera') };
  for (const [name, key] of Object.entries(environment)) if (env[name]) input[key] = env[name];
  if (env['TESSERA_PEERS']) input.peers = pairsOf(env['TESSERA_PEERS']);
  if (env['TESSERA_MODEL_POOLS']) input.modelPools = pairsOf(env['TESSERA_MODEL_POOLS']);
  if (env['TESSERA_STRIPE_WEBHOOK_SECRETS']) input.stripeWebhookSecrets = listOf(env['TESSERA_STRIPE_WEBHOOK_SECRETS']);
  if (env['TESSERA_CORS_ORIGINS']) input.corsOrigins = listOf(env['TESSERA_CORS_ORIGINS']);
  if (env['TESSERA_KAFKA_BROKERS']) input.kafkaBrokers = listOf(env['TESSERA_KAFKA_BROKERS']);
  const kafka = kafkaFromEnvironment(env);
  if (Object.keys(kafka).length > 0) input.kafka = kafka;
  const s3 = Object.entries(s3Environment).flatMap(([name, key]) => (env[name] ? [[key, env[name]]] : []));
  if (s3.length > 0) input.s3 = Object.fromEntries(s3);
  input.telemetry = telemetryFromEnvironment(env);
  for (const [key, value] of Object.entries(overrides)) if (value !== undefined) input[key as keyof ConfigInput] = value;
  return parseConfig(input);
}
