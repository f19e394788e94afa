import { fileURLToPath } from 'node:url';
import { context, diag, DiagLogLevel, logs, metrics, propagation, trace, type ContextManager } from '@opentelemetry/api';
import { JsonLogsSerializer, JsonMetricsSerializer, JsonTraceSerializer, type ISerializer } from '@opentelemetry/otlp-transformer';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, type IMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { exportLogLinesTo, type Logger } from '../../logger.js';
import { propagateWith } from '../propagation.js';
import type { TelemetrySettings } from '../settings.js';
import { recordSpansWith } from '../span.js';
import type { Telemetry } from '../telemetry.js';
import { recordLines, scopeOfExport } from './log-records.js';
import { metricReadersFromEnvironment, periodicReader } from './metric-readers.js';
import { otelPropagation } from './otel-propagation.js';
import { OtelRecorder } from './otel-recorder.js';
import { OtlpFileExporter } from './otlp-file.js';

/** An end must not hang on a collector that is away. */
const closeDeadlineMs = 3_000;
const instrumentation = 'tessera';

/** Option of the SDK for "register none", which its types leave out: the one context that travels through this process is that of `trace.ts`. */
const noContextManager = null as unknown as ContextManager;

export function exportTelemetry(settings: TelemetrySettings, serviceName: string, logger: Logger): Telemetry {
  forgetGlobals();
  warnThroughLog(logger);
  const sdk = new NodeSDK({
    resource: resourceOf(serviceName),
    contextManager: noContextManager,
    ...traces(settings),
    metricReaders: readers(settings),
    ...logRecords(settings),
  });
  sdk.start();
  if (settings.traces !== undefined) recordSpansWith(new OtelRecorder(trace.getTracer(instrumentation)));
  if (settings.logs !== undefined) exportLogLinesTo(recordLines(logs.getLogger(instrumentation)));
  propagateWith(otelPropagation);
  return {
    close: async () => {
      recordSpansWith(undefined);
      exportLogLinesTo(undefined);
      propagateWith(undefined);
      await withinDeadline(sdk.shutdown());
      forgetGlobals();
      diag.disable();
    },
  };
}

/** With `OTEL_LOG_LEVEL` the SDK speaks to the console, as it does everywhere; without, its warnings are in our log. */
function warnThroughLog(logger: Logger): void {
  if (process.env['OTEL_LOG_LEVEL']) return;
  const own = logger.child({ scope: scopeOfExport });
  const warn = (message: string, ...about: unknown[]) => own.warn({ about }, `telemetry: ${message}`);
  diag.setLogger(
    { error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** Ours is what the environment may say otherwise, whichever detectors it names. */
const resourceOf = (serviceName: string) =>
  defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.namespace': 'tessera' }))
    .merge(detectResources({ detectors: [envDetector] }));

/** Undefined leaves it to the SDK and its variables. */
function traces({ traces: to }: TelemetrySettings) {
  if (to === undefined) return { spanProcessors: [] };
  return to === 'environment' ? {} : { traceExporter: fileExporter(to, JsonTraceSerializer) };
}

function readers({ metrics: to }: TelemetrySettings): IMetricReader[] {
  if (to === undefined) return [];
  if (to === 'environment') return metricReadersFromEnvironment();
  return [
    periodicReader(
      Object.assign(fileExporter(to, JsonMetricsSerializer), { selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE }),
    ),
  ];
}

function logRecords({ logs: to }: TelemetrySettings) {
  if (to === undefined) return { logRecordProcessors: [] };
  return to === 'environment'
    ? {}
    : { logRecordProcessors: [new BatchLogRecordProcessor({ exporter: fileExporter(to, JsonLogsSerializer) })] };
}

const fileExporter = <Data>(url: string, serializer: ISerializer<Data, unknown>) =>
  new OtlpFileExporter(fileURLToPath(url), serializer, (error) => diag.warn('the OTLP file cannot be written', error.message));

/** The SDK registers itself for the whole process, once; a host that starts after another one takes its place. */
function forgetGlobals(): void {
  for (const api of [trace, metrics, logs, propagation, context]) api.disable();
}

/** Failures are in the log already. */
async function withinDeadline(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeDeadlineMs)));
  await Promise.race([work.catch(() => undefined), deadline]);
  clearTimeout(timer);
}
