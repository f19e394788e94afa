import { Refusal, type Api } from './api.js';
import type { Account, Generation, Queue } from './wire.js';

export type AccountEvent =
  | { readonly type: 'generation'; readonly generation: Generation }
  | { readonly type: 'progress'; readonly id: string; readonly step: number; readonly steps: number }
  | { readonly type: 'preview'; readonly id: string; readonly index: number; readonly dataUrl: string }
  | { readonly type: 'removed'; readonly id: string }
  | { readonly type: 'balance'; readonly account: Account }
  | { readonly type: 'queue'; readonly queue: Queue }
  /** From here on nothing is missed: what is read now, and told from now on, is all there is. */
  | { readonly type: 'caught_up' };

const finalStates = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'rejected']);
export const isFinal = (state: string): boolean => finalStates.has(state);

const backOffMinMs = 1_000;
const backOffMaxMs = 30_000;
/** Twice the server's heartbeat, and some: a connection that is silent for longer is dead, whatever the browser thinks. */
const silenceMaxMs = 40_000;

/** Follows the account until the signal aborts, over one connection that is opened again whenever it is lost. Throws what no repeat helps against, such as a key that was revoked. */
export async function followEvents(api: Api, onEvent: (event: AccountEvent) => void, signal: AbortSignal): Promise<void> {
  let after = '';
  for (let failures = 0; !signal.aborted; failures += 1) {
    let retryAfterMs = 0;
    const connection = new AbortController();
    const ended = AbortSignal.any([signal, connection.signal]);
    try {
      for await (const event of eventsOf(await api.events(after, ended), connection)) {
        failures = 0;
        if (event.id) after = event.id;
        const known = accountEventOf(event);
        if (known) onEvent(known);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status < 500 && error.status !== 429) throw error;
      if (error instanceof Refusal) retryAfterMs = error.retryAfterMs;
    }
    connection.abort();
    await pause(Math.max(retryAfterMs, Math.min(backOffMaxMs, backOffMinMs * 2 ** failures)), signal);
  }
}

type Event = { id: string; name: string; data: string };

async function* eventsOf(answer: Response, connection: AbortController): AsyncGenerator<Event> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let pending = '';
  for (;;) {
    const silence = setTimeout(() => connection.abort(), silenceMaxMs);
    const { value, done } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const blocks = (pending + value).replaceAll('\r\n', '\n').split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block
          .split('\n')
          .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
      );
      const data = fields.get('data');
      if (data !== undefined) yield { id: fields.get('id') ?? '', name: fields.get('event') ?? 'message', data };
    }
  }
}

function accountEventOf({ name, data }: Event): AccountEvent | undefined {
  const content: unknown = JSON.parse(data);
  switch (name) {
    case 'generation':
      return { type: name, generation: content as Generation };
    case 'progress':
      return { type: name, ...(content as { id: string; step: number; steps: number }) };
    case 'preview': {
      const preview = content as { id: string; index: number; contentType: string; data: string };
      return { type: name, id: preview.id, index: preview.index, dataUrl: `data:${preview.contentType};base64,${preview.data}` };
    }
    case 'removed':
      return { type: name, id: (content as { id: string }).id };
    case 'balance':
      return { type: name, account: content as Account };
    case 'queue':
      return { type: name, queue: content as Queue };
    case 'caught_up':
      return { type: name };
    default:
      return undefined;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
