import { apiKey } from './profiles.js';
import type { Client } from './client.js';

export type ServerSentEvent = { readonly id: string; readonly event: string; readonly data: string };

/** Reads a generation's event stream to its end. */
export async function readEvents(client: Client, generationId: string, lastEventId?: string): Promise<ServerSentEvent[]> {
  const response = await fetch(`${client.server.url}/api/rest/v1/generations/${generationId}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
  });
  const blocks = (await response.text()).split('\n\n').filter((block) => block.includes('data:'));
  return blocks.map((block) => {
    const field = (name: string) => block.split('\n').filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join('\n');
    return { id: field('id'), event: field('event'), data: field('data') };
  });
}
