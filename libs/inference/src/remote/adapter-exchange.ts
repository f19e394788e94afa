import { TesseraError } from '@tessera/platform/errors.js';
import type { Composition } from './composition.js';
import type { Answer, RemoteTasks } from './remote-tasks.js';

const digests = /\b[0-9a-f]{64}\b/g;

/** Runs the task. Adapters that are not where it runs are sent, and it is run once more: they stay there, so most batches send none. */
export async function* runWithAdapters(
  remote: RemoteTasks,
  { task, tensors, adapterBytes }: Pick<Composition, 'task' | 'tensors' | 'adapterBytes'>,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  let hasBegun = false;
  try {
    for await (const answer of remote.run(task, tensors, signal)) {
      hasBegun = true;
      yield answer;
    }
    return;
  } catch (error) {
    const missed = absentIn(error).filter((sha256) => adapterBytes.has(sha256));
    if (hasBegun || missed.length === 0) throw error;
    for (const sha256 of missed) {
      const data = adapterBytes.get(sha256) ?? new Uint8Array();
      for await (const _ of remote.run({ task: 'adapter', sha256 }, new Map([['bytes', { dims: [data.length], data }]]), signal));
    }
  }
  yield* remote.run(task, tensors, signal);
}

const absentIn = (error: unknown): readonly string[] =>
  error instanceof TesseraError && error.reason === 'adapter_absent' ? (error.message.match(digests) ?? []) : [];
