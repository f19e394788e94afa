import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadFigures, LoadOrder } from './jobs-load.js';

/** The clients of a load, in a process of their own: what they cost is not the server's. */
export class LoadClients {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('./jobs-load.js', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

  async run(order: LoadOrder): Promise<LoadFigures> {
    this.#process.send(order);
    const [figures] = (await once(this.#process, 'message')) as [LoadFigures];
    return figures;
  }

  end(): void {
    this.#process.disconnect();
  }
}
