import { createLogger, type Logger, type LogLevel } from '@tessera/platform/logger.js';

/** The logger of a process, redaction and all, whose lines a spec reads. */
export class CapturedLog {
  readonly logger: Logger;
  readonly lines: string[] = [];

  constructor(level: LogLevel = 'info') {
    this.logger = createLogger(level, 'spec', { write: (line) => void this.lines.push(line) });
  }
}
