import { pino, type Logger as PinoLogger } from 'pino';
import { currentTraceparent, spanIdOf, traceIdOf } from './trace.js';

export type Logger = PinoLogger;
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Names of what must not be read in a log. A connection string may hold a password. */
const secrets = ['authorization', 'apiKey', 'secret', 'secretAccessKey', 'password', 'mongoUrl', 'redisUrl'];

/** JSON lines on stderr (or where a test reads them), so that a command's own output stays clean. Secrets never reach a log: keys and headers that hold them are redacted here once. */
export function createLogger(level: LogLevel, name: string, destination?: { write(line: string): void }): Logger {
  return pino(
    { level, name, redact: { paths: secrets.flatMap((secret) => [secret, `*.${secret}`, `*.*.${secret}`]), censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime, mixin: traceFields },
    destination ?? pino.destination({ fd: 2, sync: false }),
  );
}

/** Under the names that log collectors look for (https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/). */
function traceFields(): Record<string, string> {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? {} : { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) };
}
