import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';

/** Everything a process may be told, parsed once at start. Nothing below reads `process.env`. */
const schema = z.object({
  profile: z.literal('single').default('single'),
  dataDir: z.string().min(1),
  httpHost: z.string().default('127.0.0.1'),
  httpPort: z.coerce.number().int().min(0).max(65535).default(8420),
  grpcHost: z.string().default('127.0.0.1'),
  /** 0 picks a free port; the public API in `single`, the service's own contract when it runs alone. */
  grpcPort: z.coerce.number().int().min(0).max(65535).default(8421),
  /** How clients reach the gateway: the start of every link that is handed out. Defaults to the listening address. */
  publicUrl: z.url().optional(),
  engine: z.enum(['onnx', 'noop']).default('onnx'),
  modelsDir: z.string().optional(),
  /** Threads of the inference engine. */
  engineThreads: z.coerce.number().int().min(1).max(64).default(Math.max(1, Math.min(4, os.availableParallelism()))),
  logLevel: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('warn'),
  /** The owner's API key at the first start; minted when absent. */
  apiKey: z.string().min(16).max(256).optional(),
  /** gRPC addresses of services that run in other processes: `billing=127.0.0.1:9001,storage=…`. Empty: all in this process. */
  peers: z.record(z.string(), z.string()).default({}),
  /** The operator's price list; absent: the bundled one. */
  catalogueFile: z.string().optional(),
  /** Signing secrets of Stripe's webhook, more than one while they are being changed; empty: Stripe is not connected. */
  stripeWebhookSecrets: z.array(z.string().min(16).max(256)).max(8).default([]),
  /** Where the built console lies; absent: none is served. */
  consoleDir: z.string().optional(),
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
  TESSERA_MODELS: 'modelsDir',
  TESSERA_ENGINE_THREADS: 'engineThreads',
  TESSERA_LOG_LEVEL: 'logLevel',
  TESSERA_API_KEY: 'apiKey',
  TESSERA_CONSOLE: 'consoleDir',
  TESSERA_CATALOGUE: 'catalogueFile',
};

/** Settings from the environment; what the command line gives wins over it. */
export function configFromEnvironment(env: NodeJS.ProcessEnv, overrides: Partial<Record<keyof ConfigInput, unknown>> = {}): Config {
  const input: Partial<Record<keyof ConfigInput, unknown>> = { dataDir: path.join(os.homedir(), '.tessera') };
  for (const [name, key] of Object.entries(environment)) if (env[name]) input[key] = env[name];
  if (env['TESSERA_PEERS']) {
    input.peers = Object.fromEntries(env['TESSERA_PEERS'].split(',').map((pair) => pair.split('=', 2).map((part) => part.trim())));
  }
  if (env['TESSERA_STRIPE_WEBHOOK_SECRETS']) input.stripeWebhookSecrets = env['TESSERA_STRIPE_WEBHOOK_SECRETS'].split(',').map((secret) => secret.trim());
  for (const [key, value] of Object.entries(overrides)) if (value !== undefined) input[key as keyof ConfigInput] = value;
  return parseConfig(input);
}
