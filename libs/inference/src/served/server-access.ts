import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServedManifest } from '@tessera/models/served-manifest.js';
import { unavailable } from '@tessera/platform/errors.js';
import { httpCall, type HttpAnswer } from './http-call.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const bytesPerMegabyte = 2 ** 20;

type Sending = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  readonly withinMs?: number;
};

/** A server and the right to use it. The key is read for every call and leaves this class in a header only. */
export class ServerAccess {
  readonly base: URL;
  readonly #sealed: Pick<ServedManifest['server'], 'apiKeyEnv' | 'apiKeyFile'>;
  readonly #resultOrigins: ReadonlySet<string>;
  readonly #answerBytesMax: number;
  readonly withinMs: number;

  constructor(
    { server, folder }: ServedManifest,
    private readonly environment: Environment,
  ) {
    const address = (server.urlEnv !== undefined && environment[server.urlEnv]) || server.url;
    // Routes are resolved against a folder: without the slash, its last part would be replaced.
    this.base = new URL(address.endsWith('/') ? address : `${address}/`);
    if (!['http:', 'https:'].includes(this.base.protocol)) throw new Error(`${server.urlEnv}: must be an http or https address`);
    const { apiKeyEnv, apiKeyFile } = server;
    this.#sealed = {
      ...(apiKeyEnv === undefined ? {} : { apiKeyEnv }),
      ...(apiKeyFile === undefined ? {} : { apiKeyFile: path.resolve(folder, apiKeyFile) }),
    };
    this.#resultOrigins = new Set([this.base.origin, ...server.resultOrigins]);
    this.#answerBytesMax = server.answerMegabytesMax * bytesPerMegabyte;
    this.withinMs = server.answersWithinSeconds * 1_000;
  }

  /** Unavailable `engine_misconfigured` where a key is named and there is none. */
  async requireKey(): Promise<void> {
    await this.#key();
  }

  async call(
    method: 'GET' | 'POST',
    route: string,
    { headers = {}, body, signal, withinMs = this.withinMs }: Sending,
  ): Promise<HttpAnswer> {
    return httpCall({
      method,
      url: new URL(route, this.base),
      headers: { ...(await this.#authorization()), accept: 'application/json', ...headers },
      ...(body ? { body } : {}),
      signal,
      withinMs,
      answerBytesMax: this.#answerBytesMax,
    });
  }

  /** A picture that was answered as a link. Undefined: the link leads to where nothing is fetched from; the server could make us read what only we can reach. */
  async fetchResult(link: string, signal: AbortSignal): Promise<HttpAnswer | undefined> {
    const url = URL.parse(link, this.base);
    // An empty link would lead to the address itself.
    if (link === '' || !url || !['http:', 'https:'].includes(url.protocol) || !this.#resultOrigins.has(url.origin)) return undefined;
    const headers = url.origin === this.base.origin ? await this.#authorization() : {};
    return httpCall({ method: 'GET', url, headers, signal, withinMs: this.withinMs, answerBytesMax: this.#answerBytesMax });
  }

  /** Servers repeat what they were sent: their words, without the key. */
  async withoutKey(text: string): Promise<string> {
    const key = await this.#key();
    return key === undefined ? text : text.replaceAll(key, '[key]');
  }

  async #authorization(): Promise<Record<string, string>> {
    const key = await this.#key();
    return key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  async #key(): Promise<string | undefined> {
    const { apiKeyEnv, apiKeyFile } = this.#sealed;
    if (apiKeyEnv === undefined && apiKeyFile === undefined) return undefined;
    const read = (apiKeyEnv !== undefined && this.environment[apiKeyEnv]) || (apiKeyFile !== undefined && (await contentOf(apiKeyFile)));
    const key = (read || '').trim();
    // What is no header value would be refused by Node in an error that repeats it.
    if (/^[\x21-\x7e]+$/.test(key)) return key;
    const where = [
      ...(apiKeyEnv === undefined ? [] : [`the variable ${apiKeyEnv}`]),
      ...(apiKeyFile === undefined ? [] : [apiKeyFile]),
    ].join(' or ');
    throw unavailable('engine_misconfigured', `There is no usable key for ${this.base.host}: put it into ${where}.`);
  }
}

/** Empty when it cannot be read: the sentence about a missing key names the file. */
const contentOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
