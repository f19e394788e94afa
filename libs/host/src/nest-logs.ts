import type { LoggerService } from '@nestjs/common';
import type { Logger } from '@tessera/platform/logger.js';

/** Nest's log, as lines of our own. */
export class NestLogs implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...about: unknown[]): void {
    this.logger.debug({ about }, String(message));
  }

  warn(message: unknown, ...about: unknown[]): void {
    this.logger.warn({ about }, String(message));
  }

  error(message: unknown, ...about: unknown[]): void {
    this.logger.error({ about }, String(message));
  }
}
