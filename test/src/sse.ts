import { apiKey } from './profiles.js';
import type { Client } from './client.js';

export type ServerSentEvent = { readonly id: string; readonly event: string; readonly data: string };

/** Reads a generation's event stream to its end. */
export async function readEvents(client: Client, generationId: string, lastEventId?: string): Promise<ServerSentEvent[]> {
  const response = await fetch(`${client.server.url}/api/rest/v1/generations/${generationId}/events`, {
    headers: {
      authorization: `Bearer ${apiKey}`,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  const blocks = (await response.text()).split('\n\n').filter((block) => block.includes('data:'));
  return blocks.map((block) => {
    const field = (name: string) =>
      block
        .split('\n')
        .filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trim())
        .join('\n');
    return { id: field('id'), event: field('event'), data: field('data') };
  });
}

export type AccountEvent = { readonly stream: EventStream; readonly id: string; readonly event: string; readonly data: any };

/** The stream of everything that happens to an account. What is not asked for stays unread in the connection. */
export async function openEvents({ server, key }: Client, after = ''): Promise<EventStream> {
  const answer = await fetch(`${server.url}/api/rest/v1/events${after ? `?after=${after}` : ''}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (!answer.ok || !answer.body) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new EventStream(answer.body);
}

export class EventStream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #pending = '';

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  }

  /** The events up to and with the first that is meant. */
  async until(isMeant: (event: AccountEvent) => boolean): Promise<AccountEvent[]> {
    const events: AccountEvent[] = [];
    for (;;) {
      const end = this.#pending.indexOf('\n\n');
      if (end < 0) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error(`The stream ended after ${events.length} events.`);
        this.#pending += value;
        continue;
      }
      const fields = new Map(
        this.#pending
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
      );
      this.#pending = this.#pending.slice(end + 2);
      const data = fields.get('data');
      if (data === undefined) continue;
      const event = { stream: this, id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(data) as any };
      events.push(event);
      if (isMeant(event)) return events;
    }
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}
