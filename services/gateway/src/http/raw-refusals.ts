import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { leonardoBody, openAiBody, retryHeaders, type Refusal } from './error-bodies.js';

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** No id, name or token of this API is longer; the router would refuse it in words of its own. */
const segmentCharsMax = 500;

/** Headers of Node's parser; what it cannot read ends here, before there is a request. */
const statusByParserError: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Typed answers to what never reaches a hook or a filter: a path that cannot be decoded, an expectation that nobody can meet, and bytes that are no HTTP. */
export function refuseEarly(server: Server): void {
  const listeners = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    const refusal = refusalOfHost(request) ?? refusalOfPath(request.url ?? '/');
    if (!refusal) {
      for (const listener of listeners) listener.call(server, request, response);
      return;
    }
    refuse(refusal, request, response);
  });
  // Without a listener Node answers 417 with nothing in it.
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    refuse(refusal(417, 'malformed_request', 'The header Expect may only ask for 100-continue.'), request, response),
  );
  server.removeAllListeners('clientError').on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
    const status = statusByParserError[error.code ?? ''] ?? 400;
    const { head, body } = answerOf(
      refusal(status, 'malformed_request', 'The request is not valid HTTP, or its headers are too large.'),
      '/',
    );
    const headers = Object.entries({ ...head, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('')}\r\n${body}`);
    // Ended alone, it would stay open for as long as the other side likes.
    return socket.destroySoon();
  });
}

function refuse(refused: Refusal, request: IncomingMessage, response: ServerResponse): void {
  const { head, body } = answerOf(refused, request.url ?? '/');
  request.resume();
  response.writeHead(refused.status, head).end(body);
}

const refusal = (status: number, type: string, message: string): Refusal => ({
  status,
  type,
  message,
  param: undefined,
  retryAfterMs: undefined,
});

/** RFC 9112, 3.2: from HTTP/1.1 on every request names its host. */
function refusalOfHost({ headers, httpVersion }: IncomingMessage): Refusal | undefined {
  return headers.host === undefined && httpVersion === '1.1'
    ? refusal(400, 'malformed_request', 'The request lacks the header Host.')
    : undefined;
}

function refusalOfPath(url: string): Refusal | undefined {
  const [path = ''] = url.split('?', 1);
  if (path.length > segmentCharsMax && path.split('/').some((segment) => segment.length > segmentCharsMax))
    return refusal(414, 'uri_too_long', `A part of the path is longer than ${segmentCharsMax} characters.`);
  if (!path.includes('%')) return undefined;
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return refusal(400, 'malformed_request', 'The path holds a percent-encoding that cannot be decoded.');
  }
}

function answerOf(refused: Refusal, url: string): { head: Record<string, string>; body: string } {
  const requestId = randomBytes(16).toString('hex');
  const body = JSON.stringify(url.startsWith('/v1/') ? openAiBody(refused) : leonardoBody(refused, requestId));
  return {
    head: {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
      ...retryHeaders(url, refused),
    },
    body,
  };
}
