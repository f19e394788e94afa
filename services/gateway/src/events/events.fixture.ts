import type { ServerSentEvent } from '../http/server-sent-events.js';

/** Reads a stream of server-sent events one by one; what is not asked for stays unread in the connection. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #pending = '';

  constructor(answer: Response) {
    if (!answer.body) throw new Error('An answer without a body.');
    this.#reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Undefined when the stream has ended or broken off. */
  async next(): Promise<ServerSentEvent | undefined> {
    for (;;) {
      const end = this.#pending.indexOf('\n\n');
      if (end < 0) {
        const { value, done } = await this.#reader.read().catch(() => ({ value: undefined, done: true }));
        if (done) return undefined;
        this.#pending += value ?? '';
        continue;
      }
      const block = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + 2);
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const [id, type, data] = [field('id'), field('event'), field('data')];
      if (type !== undefined && data !== undefined) return { ...(id === undefined ? {} : { id }), type, data: JSON.parse(data) as unknown };
    }
  }

  /** The events up to and with the first that is meant. */
  async until(isMeant: (event: ServerSentEvent) => boolean): Promise<ServerSentEvent[]> {
    const events: ServerSentEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) {
      events.push(event);
      if (isMeant(event)) return events;
    }
    throw new Error(`The stream ended after ${JSON.stringify(events).slice(0, 2_000)}`);
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}
