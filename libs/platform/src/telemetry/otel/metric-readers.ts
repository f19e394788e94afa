import { diag } from '@opentelemetry/api';
import { getNumberFromEnv, getStringFromEnv, getStringListFromEnv } from '@opentelemetry/core';
import { OTLPMetricExporter as GrpcExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as HttpJsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as HttpProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import {
  ConsoleMetricExporter,
  PeriodicExportingMetricReader,
  type IMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { PrometheusProducer } from './prometheus-producer.js';

/**
 * The readers that `OTEL_METRICS_EXPORTER` names, each with the figures of `/metrics`: there is one set of metrics, and several ways to have it. The SDK makes such readers itself, but only for
 * figures that are counted by its own instruments, so they are made here by the same variables. The exporters read theirs.
 */
export function metricReadersFromEnvironment(): IMetricReader[] {
  const names = new Set(getStringListFromEnv('OTEL_METRICS_EXPORTER') ?? []);
  return [...(names.size === 0 ? ['otlp'] : names)].flatMap((name) => {
    if (name === 'otlp') return [periodicReader(otlpExporter())];
    if (name === 'console') return [periodicReader(new ConsoleMetricExporter())];
    if (name === 'prometheus')
      return [
        new PrometheusExporter({
          host: getStringFromEnv('OTEL_EXPORTER_PROMETHEUS_HOST'),
          port: getNumberFromEnv('OTEL_EXPORTER_PROMETHEUS_PORT'),
          metricProducers: [new PrometheusProducer()],
        }),
      ];
    diag.warn(`OTEL_METRICS_EXPORTER: there is no exporter "${name}"; there are otlp, console, prometheus and none`);
    return [];
  });
}

const intervalMsDefault = 60_000;
const timeoutMsDefault = 30_000;

export function periodicReader(exporter: PushMetricExporter): IMetricReader {
  const exportIntervalMillis = positive('OTEL_METRIC_EXPORT_INTERVAL') ?? intervalMsDefault;
  const exportTimeoutMillis = Math.min(exportIntervalMillis, positive('OTEL_METRIC_EXPORT_TIMEOUT') ?? timeoutMsDefault);
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis,
    exportTimeoutMillis,
    metricProducers: [new PrometheusProducer()],
  });
}

function positive(variable: string): number | undefined {
  const value = getNumberFromEnv(variable);
  if (value === undefined || value > 0) return value;
  diag.warn(`${variable}: ${value} is not above 0; the default holds`);
  return undefined;
}

function otlpExporter(): PushMetricExporter {
  const protocol =
    getStringFromEnv('OTEL_EXPORTER_OTLP_METRICS_PROTOCOL') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
  if (protocol === 'grpc') return new GrpcExporter();
  if (protocol === 'http/json') return new HttpJsonExporter();
  if (protocol !== 'http/protobuf') diag.warn(`OTLP for metrics is not spoken by "${protocol}"; http/protobuf is used`);
  return new HttpProtobufExporter();
}
