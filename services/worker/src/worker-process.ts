import os from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { Config } from '@tessera/platform/config.js';
import { HOSTED_SERVICES } from '@tessera/platform/tokens.js';

/** There is one per data folder, which only one process may use: what it holds in the queue when it starts was leased before that process ended. */
const embeddedWorkerId = 'embedded';

/** Where this worker runs: beside the queue in the single process, or alone. */
@Injectable()
export class WorkerProcess {
  readonly isEmbedded: boolean;
  readonly workerId: string;

  constructor(@Inject(Config) { workerId }: Config, @Inject(HOSTED_SERVICES) services: readonly string[]) {
    this.isEmbedded = services.length > 1;
    this.workerId = this.isEmbedded ? embeddedWorkerId : (workerId ?? `${os.hostname()}-${process.pid}`);
  }
}
