import { pino, type Logger as PinoLogger } from 'pino';
import { currentTraceparent, spanIdOf, traceIdOf } from './trace.js';

export type Logger = PinoLogger;
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Names of what must not be read in a log. A connection string may hold a password. */
const secrets = ['authorization', 'apiKey', 'secret', 'secretAccessKey', 'password', 'mongoUrl', 'redisUrl'];

let exportLine: ((line: string) => void) | undefined;

/** From here on every line that is written, secrets already taken out, goes there as well; with undefined only to stderr again. */
export function exportLogLinesTo(next: ((line: string) => void) | undefined): void {
  exportLine = next;
}

/** JSON lines on stderr (or where a test reads them), so that a command's own output stays clean. Secrets never reach a log: keys and headers that hold them are redacted here once. */
export function createLogger(level: LogLevel, name: string, destination?: { write(line: string): void }): Logger {
  return pino(
    {
      level,
      name,
      redact: { paths: secrets.flatMap((secret) => [secret, `*.${secret}`, `*.*.${secret}`]), censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: traceFields,
      hooks: { streamWrite: exported },
    },
    destination ?? pino.destination({ fd: 2, sync: false }),
  );
}

function exported(line: string): string {
  exportLine?.(line);
  return line;
}

/** Under the names that log collectors look for (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/). */
function traceFields(): Record<string, string> {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? {} : { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) };
}
