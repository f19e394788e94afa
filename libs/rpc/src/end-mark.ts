/**
 * A stream of a caller ends with a message of no bytes. HTTP/2 alone does not tell: Node closes the sending side of a call that is cancelled before it resets it, so what was cut
 * short would pass for whole (docs/decisions/0018-streams-of-callers-end-with-a-mark.md).
 */
export const endMark: Buffer = Buffer.alloc(0);

const empty = new WeakSet<object>();

/** Remembers which messages came as no bytes at all, because a message does not show it. */
export function noteEmpty<M extends object>(message: M, wire: Uint8Array): M {
  if (wire.length === 0) empty.add(message);
  return message;
}

/** The messages before the mark; throws `cutShort` when they end without one. An empty message with another one after it is a message. */
export async function* untilMarked<M extends object>(messages: AsyncIterable<M>, cutShort: () => Error): AsyncGenerator<M> {
  let held: M | undefined;
  for await (const message of messages) {
    if (held) yield held;
    held = empty.has(message) ? message : undefined;
    if (!held) yield message;
  }
  if (!held) throw cutShort();
}
