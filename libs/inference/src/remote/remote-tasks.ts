import type { Family } from '@tessera/models/families.js';
import type { EngineEvent, Task } from './contract.js';
import type { Bundle } from './tensor-bundle.js';

/** One of the things that come of a task; pixels and tensors lie in the payload. */
export type Answer = { readonly event: EngineEvent; readonly payload: Uint8Array };

/** Who runs the tasks of `deploy/python`: a Triton that is reached over the network, or a process of ours. */
export abstract class RemoteTasks {
  /** For messages and logs. */
  abstract readonly name: string;
  /**
   * One task and all that comes of it; many run side by side. Aborting the signal cancels the task. Errors: what the task is refused with;
   * Unavailable `engine_unavailable` when it is lost; Cancelled `painting_cancelled`.
   */
  abstract run(task: Task, tensors: Bundle, signal: AbortSignal): AsyncGenerator<Answer>;
  /** Unavailable `engine_unavailable` with a sentence that says what to do, unless all of these families can be generated with. */
  abstract check(families: readonly Family[]): Promise<void>;
  abstract close(): void;
}
