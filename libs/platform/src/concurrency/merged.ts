import { BoundedBuffer } from './bounded-buffer.js';

/** Reports until the signal aborts. */
export type Source<T> = (signal: AbortSignal) => AsyncIterable<T>;
/** Has nothing of its own to report, and works until the signal aborts. */
export type Companion = (signal: AbortSignal) => Promise<void>;

/**
 * What several sources report, in the order of its arrival and at the pace of the reader: a source goes on once its item has been taken. Ends with the first source that ends, fails
 * with the first source or companion that fails, and stops the others then, as it does when the reader leaves.
 */
export async function* merged<T>(
  sources: readonly Source<T>[],
  signal: AbortSignal,
  companions: readonly Companion[] = [],
): AsyncGenerator<T> {
  const stopping = new AbortController();
  const stopped = AbortSignal.any([signal, stopping.signal]);
  const arrived = new BoundedBuffer<{ readonly item: T; readonly taken: () => void }>({ itemsMax: sources.length });
  const pump = async (source: Source<T>) => {
    for await (const item of source(stopped)) {
      await new Promise<void>((taken) => {
        if (stopped.aborted) return taken();
        stopped.addEventListener('abort', () => taken(), { once: true });
        arrived.push({ item, taken });
      });
      if (stopped.aborted) return;
    }
  };
  const pumps = [...sources.map(pump), ...companions.map((work) => work(stopped))].map((running) =>
    running.then(
      () => arrived.end(),
      (error: unknown) => arrived.end(error instanceof Error ? error : new Error(String(error))),
    ),
  );
  try {
    for (let next = await arrived.next(stopped); next; next = await arrived.next(stopped)) {
      yield next.item;
      next.taken();
    }
  } finally {
    stopping.abort();
    await Promise.all(pumps);
  }
}
