import { readFile, stat } from 'node:fs/promises';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Config } from '@tessera/platform/config.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { nothingOptedOut, parseOptOut, type OptOut } from './opt-out.js';

/** The operator's file. A start without it, or on a broken one, fails; afterwards a change counts from the next picture on, and one that cannot be read leaves the last list in force. */
@Injectable()
export class OptOutList implements OnModuleInit {
  #list: OptOut = nothingOptedOut;
  #readAs = '';

  constructor(
    @Inject(Config) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.#refresh();
  }

  async current(): Promise<OptOut> {
    try {
      await this.#refresh();
    } catch (error) {
      this.logger.warn({ err: error }, 'the opt-out list has changed and cannot be read; the last one counts');
    }
    return this.#list;
  }

  async #refresh(): Promise<void> {
    const file = this.config.trainingOptOutFile;
    if (file === undefined) return;
    try {
      const { mtimeMs, size } = await stat(file);
      const version = `${mtimeMs} ${size}`;
      if (version === this.#readAs) return;
      this.#list = parseOptOut(await readFile(file, 'utf8'));
      this.#readAs = version;
    } catch (error) {
      throw new Error(`Setting trainingOptOutFile: ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
