import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { JsonMetricsSerializer, JsonTraceSerializer, MetricsExporterMetricsHelper, ProtobufMetricsSerializer, ProtobufTraceSerializer, TraceExporterMetricsHelper, type IExporterMetricsHelper, type ISerializer } from '@opentelemetry/otlp-transformer';
import { detectResources, envDetector, resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider, TraceIdRatioBasedSampler, type ReadableSpan, type Sampler, type SpanExporter } from '@opentelemetry/sdk-trace';
import { newId } from '../../ids.js';
import type { Logger } from '../../logger.js';
import type { TelemetrySettings } from '../settings.js';
import { recordSpansWith } from '../span.js';
import type { Telemetry } from '../start-telemetry.js';
import { OtelRecorder } from './otel-recorder.js';
import { OtlpFileExporter } from './otlp-file.js';
import { PrometheusProducer } from './prometheus-producer.js';

/** An end must not hang on a collector that is away. */
const closeDeadlineMs = 3_000;

type Signal<Data> = { readonly name: 'TRACES' | 'METRICS'; readonly path: string; readonly json: ISerializer<Data, unknown>; readonly protobuf: ISerializer<Data, unknown>; readonly component: string; readonly metrics: IExporterMetricsHelper<Data> };
type Exporter<Data> = OTLPExporterBase<Data> | OtlpFileExporter<Data>;

const traceSignal: Signal<ReadableSpan[]> = { name: 'TRACES', path: 'v1/traces', json: JsonTraceSerializer, protobuf: ProtobufTraceSerializer, component: 'otlp_http_span_exporter', metrics: TraceExporterMetricsHelper };
const metricSignal: Signal<ResourceMetrics> = { name: 'METRICS', path: 'v1/metrics', json: JsonMetricsSerializer, protobuf: ProtobufMetricsSerializer, component: 'otlp_http_metric_exporter', metrics: MetricsExporterMetricsHelper };

export function exportTelemetry(settings: TelemetrySettings, serviceName: string, logger: Logger): Telemetry {
  const warn = (message: string, ...about: unknown[]) => logger.warn({ about }, `telemetry: ${message}`);
  diag.setLogger({ error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const resource = resourceOf(serviceName);
  const tracers = settings.traces === undefined ? undefined : new TracerProvider({ resource, sampler: samplerOf(settings), spanProcessors: [processorOf(exporterOf(traceSignal, settings.traces, warn), settings)] });
  const meters = settings.metrics === undefined ? undefined : meterProvider(exporterOf(metricSignal, settings.metrics, warn), resource, settings);
  if (tracers) recordSpansWith(new OtelRecorder(tracers.getTracer('tessera')));
  return {
    close: async () => {
      recordSpansWith(undefined);
      await withinDeadline([tracers?.shutdown(), meters?.shutdown()]);
      diag.disable();
    },
  };
}

/** To a collector, with the headers and time limits of the environment, or to a file. */
function exporterOf<Data>({ name, path, json, protobuf, component, metrics }: Signal<Data>, endpoint: string, warn: (message: string, about: string) => void): Exporter<Data> {
  if (endpoint.startsWith('file:')) return new OtlpFileExporter(fileURLToPath(endpoint), json, (error) => warn('the OTLP file cannot be written', error.message));
  const options = convertLegacyHttpOptions({}, name, path, { 'Content-Type': 'application/x-protobuf' });
  return new OTLPExporterBase(createOtlpHttpExportDelegate(options, protobuf, component, metrics, undefined));
}

function resourceOf(serviceName: string): Resource {
  const own = { 'service.name': serviceName, 'service.namespace': 'tessera', 'service.instance.id': newId(), 'host.name': os.hostname(), 'process.pid': process.pid };
  return resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] }));
}

function samplerOf({ sampler, samplerRatio }: TelemetrySettings): Sampler {
  const roots: Record<string, () => Sampler> = { always_on: () => new AlwaysOnSampler(), always_off: () => new AlwaysOffSampler(), traceidratio: () => new TraceIdRatioBasedSampler(samplerRatio) };
  const root = (roots[sampler.replace('parentbased_', '')] ?? (() => new AlwaysOnSampler()))();
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

const processorOf = (exporter: SpanExporter, { spansWaitingMax, spansPerExportMax, spansEveryMs }: TelemetrySettings) =>
  new BatchSpanProcessor({ exporter, maxQueueSize: spansWaitingMax, maxExportBatchSize: Math.min(spansPerExportMax, spansWaitingMax), scheduledDelayMillis: spansEveryMs });

/** The very figures of `/metrics`: there is one set of metrics, and two ways to have it. */
function meterProvider(sender: Exporter<ResourceMetrics>, resource: Resource, { metricsEveryMs }: TelemetrySettings): MeterProvider {
  const exporter: PushMetricExporter = Object.assign(sender, { selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: metricsEveryMs, exportTimeoutMillis: Math.min(metricsEveryMs, 30_000), metricProducers: [new PrometheusProducer()] });
  return new MeterProvider({ resource, readers: [reader] });
}

/** Failures are in the log already. */
async function withinDeadline(work: readonly (Promise<void> | undefined)[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeDeadlineMs)));
  await Promise.race([Promise.allSettled(work), deadline]);
  clearTimeout(timer);
}
