export type ServerSentEvent = { readonly id: string; readonly event: string; readonly data: string };

/** A preview is well under a megabyte; a peer that never ends a block must not fill the memory. */
const blockCharsMax = 16 * 1024 * 1024;

/** Reads `text/event-stream` (WHATWG HTML, section 9.2): blocks end at an empty line, lines that begin with a colon are comments. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncIterable<ServerSentEvent> {
  let pending = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    pending = (pending + decoder.decode(chunk, { stream: true })).replaceAll('\r\n', '\n');
    if (pending.length > blockCharsMax) throw new Error('The event stream is not one: a block does not end.');
    const blocks = pending.split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event) yield event;
    }
  }
}

function parseBlock(block: string): ServerSentEvent | undefined {
  let id = '';
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { id, event, data: data.join('\n') };
}
