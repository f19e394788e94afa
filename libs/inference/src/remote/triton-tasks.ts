import type { Family } from '@tessera/models/families.js';
import type { Task } from './contract.js';
import { type Answer, RemoteTasks } from './remote-tasks.js';
import type { Bundle } from './tensor-bundle.js';
import { checkTriton, startsWithinMsDefault } from './triton-check.js';
import { TritonClient } from './triton-client.js';

/** A Triton Inference Server with the model of `deploy/triton`. */
export class TritonTasks extends RemoteTasks {
  readonly #client: TritonClient;

  constructor(
    url: string,
    /** How long a Triton that is not there yet is waited for. */
    private readonly startsWithinMs = startsWithinMsDefault,
  ) {
    super();
    this.#client = new TritonClient(url);
  }

  override get name(): string {
    return `Triton at ${this.#client.url}`;
  }

  override run(task: Task, tensors: Bundle, signal: AbortSignal): AsyncGenerator<Answer> {
    return this.#client.run(task, tensors, signal);
  }

  /** That this Triton is the one that is wanted, too. */
  override check(families: readonly Family[]): Promise<void> {
    return checkTriton(this.#client, families, this.startsWithinMs);
  }

  override close(): void {
    this.#client.close();
  }
}
