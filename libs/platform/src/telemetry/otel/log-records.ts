import { ROOT_CONTEXT, SeverityNumber, trace, type AnyValue, type Logger } from '@opentelemetry/api';
import { contextOf } from './span-contexts.js';

/** Pino's levels, which are OpenTelemetry's in steps of ten. */
const severities: Readonly<Record<number, readonly [number: SeverityNumber, text: string]>> = {
  10: [SeverityNumber.TRACE, 'TRACE'],
  20: [SeverityNumber.DEBUG, 'DEBUG'],
  30: [SeverityNumber.INFO, 'INFO'],
  40: [SeverityNumber.WARN, 'WARN'],
  50: [SeverityNumber.ERROR, 'ERROR'],
  60: [SeverityNumber.FATAL, 'FATAL'],
};

/** What the SDK has to say of its own exports would cause the next export. */
export const scopeOfExport = 'telemetry';

type Line = {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
  readonly scope?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
};

/** Log lines as they stand on stderr, secrets already taken out, as records of OpenTelemetry; who and where we are is in the resource. */
export const recordLines =
  (logger: Logger) =>
  (text: string): void => {
    const { level, time, msg, scope, trace_id: traceId, span_id: spanId, ...rest } = JSON.parse(text) as Line & Record<string, AnyValue>;
    if (scope === scopeOfExport) return;
    const { pid: _pid, hostname: _hostname, ...attributes } = rest;
    const [severityNumber, severityText] = severities[level] ?? [SeverityNumber.UNSPECIFIED, String(level)];
    const context =
      traceId === undefined || spanId === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, contextOf(`00-${traceId}-${spanId}-01`));
    logger.emit({ timestamp: new Date(time), severityNumber, severityText, body: msg ?? '', attributes, context });
  };
