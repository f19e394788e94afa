import { z } from 'zod';

/** `environment`: as the `OTEL_*` variables say, which OpenTelemetry's SDK reads itself; or, our own addition, OTLP JSON lines to the end of a `file:`. */
const destination = z.literal('environment').or(z.url({ protocol: /^file$/ }));

/** Which signals leave the process, and whether by the SDK's exporters or into a file; one that is absent goes nowhere. */
export const telemetrySettings = z.object({
  traces: destination.optional(),
  metrics: destination.optional(),
  logs: destination.optional(),
});
export type TelemetrySettings = z.infer<typeof telemetrySettings>;

const signals = ['traces', 'metrics', 'logs'] as const satisfies readonly (keyof TelemetrySettings)[];
type Signal = (typeof signals)[number];

/**
 * Undefined unless an exporter or an endpoint is named: then nothing of OpenTelemetry is loaded. All else (protocol, headers, time limits, propagators, samplers, resources, batches, limits:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) is the SDK's to read.
 */
export function telemetryFromEnvironment(env: NodeJS.ProcessEnv): TelemetrySettings | undefined {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return undefined;
  if (env['OTEL_CONFIG_FILE'])
    throw new Error(
      'OTEL_CONFIG_FILE is not read here: the metrics are those of /metrics, which such a file cannot name. Set the variables that it stands for.',
    );
  const wanted = signals.map((signal) => [signal, destinationOf(env, signal)] as const).filter(([, to]) => to !== undefined);
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted);
}

function destinationOf(env: NodeJS.ProcessEnv, signal: Signal): string | undefined {
  const exporters = (env[`OTEL_${signal.toUpperCase()}_EXPORTER`] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (exporters.includes('none')) return undefined;
  const [variable, endpoint] = endpointOf(env, signal);
  if (exporters.length === 0 && endpoint === undefined) return undefined;
  const isOtlp = exporters.length === 0 || exporters.includes('otlp');
  if (endpoint === undefined || !isOtlp) return 'environment';
  if (!endpoint.startsWith('file:')) return checked(env, signal, variable, endpoint);
  if (exporters.length > 1)
    throw new Error(`${variable}: a file is the only exporter of its signal; OTEL_${signal.toUpperCase()}_EXPORTER names others.`);
  return endpoint;
}

function endpointOf(env: NodeJS.ProcessEnv, signal: Signal): readonly [variable: string, endpoint: string | undefined] {
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
  return env[own] ? [own, env[own]] : ['OTEL_EXPORTER_OTLP_ENDPOINT', env['OTEL_EXPORTER_OTLP_ENDPOINT'] || undefined];
}

/** The SDK would send to localhost in place of an address that it cannot read, and say so in the log alone. By gRPC an address may lack its scheme. */
function checked(env: NodeJS.ProcessEnv, signal: Signal, variable: string, endpoint: string): 'environment' {
  const protocol = env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol !== 'grpc' && !/^https?:\/\/./.test(endpoint))
    throw new Error(`${variable}: an endpoint begins with http:, https: or file:, and "${endpoint}" does not.`);
  return 'environment';
}
