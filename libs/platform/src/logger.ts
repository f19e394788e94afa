import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** JSON lines on stderr, so that a command's own output stays clean. Secrets never reach a log: keys and headers that hold them are redacted here once. */
export function createLogger(level: LogLevel, name: string): Logger {
  return pino(
    { level, name, redact: { paths: ['*.authorization', '*.apiKey', '*.secret', 'authorization', 'apiKey', 'secret'], censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: false }),
  );
}
