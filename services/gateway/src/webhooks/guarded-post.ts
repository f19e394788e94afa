import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { hostOf, isPublicAddress } from './addresses.js';

export type PostOutcome = { readonly status: number } | { readonly error: string };

export type PostOptions = {
  /** An operator's setting: receivers may be in the operator's own network, and need no TLS there. */
  readonly allowsPrivate: boolean;
  /** For the whole exchange, from the look-up to the last byte. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** What a receiver says beyond its status is not read; this much is swallowed, so that polite receivers see their answer taken. */
const answerBytesMax = 16 * 1024;
const headerBytesMax = 8 * 1024;

/**
 * Posts to an address that a customer has chosen, and to nothing else: the name is resolved once, every address of it must be public, and the connection goes to that very
 * address, so a name that changes its mind between look-up and connection gains nothing. Redirects are not followed.
 */
export async function guardedPost(
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  { allowsPrivate, timeoutMs, signal }: PostOptions,
): Promise<PostOutcome> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const url = new URL(target);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowsPrivate)) return { error: 'not_https' };
    const address = await within(resolved(hostOf(url), allowsPrivate), deadline);
    if (address === undefined) return { error: 'private_address' };
    return await exchange(url, address, headers, body, deadline);
  } catch (error) {
    return { error: deadline.aborted ? (signal.aborted ? 'stopped' : 'timed_out') : codeOf(error) };
  }
}

type Address = { readonly address: string; readonly family: number };

/** Undefined when any address of the host is none that may be reached. */
async function resolved(host: string, allowsPrivate: boolean): Promise<Address | undefined> {
  const family = isIP(host);
  const addresses = family === 0 ? await lookup(host, { all: true, order: 'verbatim' }) : [{ address: host, family }];
  return addresses.every(({ address }) => allowsPrivate || isPublicAddress(address)) ? addresses[0] : undefined;
}

function exchange(
  url: URL,
  { address, family }: Address,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const known: LookupFunction = (_host, options, done) => {
    if (options.all) done(null, [{ address, family }]);
    else done(null, address, family);
  };
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const bytes = Buffer.from(body);
    const options = {
      method: 'POST',
      agent: false,
      lookup: known,
      signal,
      maxHeaderSize: headerBytesMax,
      headers: { ...headers, 'content-length': String(bytes.length) },
    };
    const sent = send(url, options, (answer) => swallow(answer, () => resolve({ status: answer.statusCode ?? 0 }), reject));
    sent.once('error', reject);
    sent.end(bytes);
  });
}

function swallow(answer: IncomingMessage, done: () => void, fail: (error: Error) => void): void {
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= answerBytesMax) return;
    done();
    answer.destroy();
  });
  answer.once('end', done);
  answer.once('error', fail);
}

async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** `econnrefused`, `enotfound`, `cert_has_expired` and the like. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code.toLowerCase() : 'failed';
}
