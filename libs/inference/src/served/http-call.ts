import http from 'node:http';
import https from 'node:https';

export type HttpCall = {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  readonly withinMs: number;
  /** A longer answer is cut off. */
  readonly answerBytesMax: number;
};

export type HttpAnswer = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer };

/** Why there is no answer. Only after `not_sent` it is certain that the server has done nothing. */
export class NoAnswer extends Error {
  constructor(
    readonly how: 'not_sent' | 'lost' | 'timed_out' | 'too_large' | 'aborted',
    cause?: unknown,
  ) {
    super(`no answer: ${how}`, { cause });
    this.name = 'NoAnswer';
  }
}

/**
 * One request on a connection of its own, and its whole answer; throws `NoAnswer`. A connection that is used again may have been closed while the request was on its way,
 * and nobody could tell whether it arrived; and redirects are answers like others: whoever follows them is led to where the server wants.
 */
export async function httpCall(call: HttpCall): Promise<HttpAnswer> {
  const { method, url, headers, body, signal, withinMs } = call;
  if (signal.aborted) throw new NoAnswer('not_sent');
  const deadline = AbortSignal.timeout(withinMs);
  const isTls = url.protocol === 'https:';
  let wasConnected = false;
  try {
    return await new Promise((resolve, reject) => {
      const request = (isTls ? https : http).request(url, {
        method,
        headers: { ...headers, 'accept-encoding': 'identity', ...(body ? { 'content-length': String(body.byteLength) } : {}) },
        agent: false,
        signal: AbortSignal.any([signal, deadline]),
      });
      request.once('socket', (socket) => socket.once(isTls ? 'secureConnect' : 'connect', () => (wasConnected = true)));
      // Whatever comes after the first is of no interest, and without a listener would end the process.
      request.on('error', reject);
      request.once('response', (response) => {
        readBody(response, call.answerBytesMax).then(
          (read) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read }),
          (error: unknown) => {
            reject(error);
            request.destroy();
          },
        );
      });
      request.end(body);
    });
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    if (!wasConnected) throw new NoAnswer('not_sent', error);
    throw new NoAnswer(signal.aborted ? 'aborted' : deadline.aborted ? 'timed_out' : 'lost', error);
  }
}

async function readBody(response: http.IncomingMessage, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw new NoAnswer('too_large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
