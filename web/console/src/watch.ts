import { Refusal, type Api } from './api.js';
import type { Generation } from './wire.js';

export type Update =
  /** The last one carries a final state. */
  | { readonly type: 'state'; readonly generation: Generation }
  | { readonly type: 'progress'; readonly step: number; readonly steps: number }
  | { readonly type: 'preview'; readonly index: number; readonly dataUrl: string };

const finalStates = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'rejected']);
export const isFinal = (state: string): boolean => finalStates.has(state);

/** A stream that breaks is taken up where it broke; a server that is gone for a minute has the page reloaded by its person. */
const reconnectsMax = 30;
const reconnectDelayMs = 2_000;

/** Follows a job to its end. Aborting the signal ends it quietly. */
export async function watchJob(api: Api, id: string, onUpdate: (update: Update) => void, signal: AbortSignal): Promise<void> {
  let after = '';
  for (let attempt = 0; attempt <= reconnectsMax && !signal.aborted; attempt += 1) {
    try {
      const answer = await api.events(id, after, signal);
      for await (const event of eventsOf(answer)) {
        if (event.id) after = event.id;
        const update = updateOf(event);
        if (update) onUpdate(update);
        if (event.name === 'done') return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status < 500) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, reconnectDelayMs));
  }
}

type Event = { id: string; name: string; data: string };

async function* eventsOf(answer: Response): AsyncGenerator<Event> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let pending = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (pending + value).replaceAll('\r\n', '\n').split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]));
      const data = fields.get('data');
      if (data !== undefined) yield { id: fields.get('id') ?? '', name: fields.get('event') ?? 'message', data };
    }
  }
}

function updateOf({ name, data }: Event): Update | undefined {
  const content: unknown = JSON.parse(data);
  if (name === 'state' || name === 'done') return { type: 'state', generation: content as Generation };
  if (name === 'progress') return { type: 'progress', ...(content as { step: number; steps: number }) };
  if (name !== 'preview') return undefined;
  const preview = content as { index: number; contentType: string; data: string };
  return { type: 'preview', index: preview.index, dataUrl: `data:${preview.contentType};base64,${preview.data}` };
}
