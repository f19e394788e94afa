import { CommandFailure, exitCodes } from './failure.js';

export type CallOptions = {
  readonly body?: unknown;
  /** In place of a body: files. */
  readonly form?: FormData;
  readonly idempotencyKey?: string;
  /** The account to act for, when it is not the key's own. */
  readonly account?: string | undefined;
  readonly signal?: AbortSignal;
};

type ErrorBody = { readonly error?: string; readonly type?: string; readonly param?: string };

/** A refusal of the API, in its own words. */
export class ApiRefusal extends CommandFailure {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    hint: string | undefined,
    /** The field that is wrong, as the API calls it. */
    readonly param?: string,
  ) {
    super(message, status < 500 ? exitCodes.refused : exitCodes.failed, hint);
    this.name = 'ApiRefusal';
  }
}

/** The gateway's REST API with one key: JSON in, JSON out, refusals as sentences. */
export class Api {
  constructor(
    readonly url: string,
    private readonly key: string | undefined,
  ) {}

  get<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.json<T>('GET', path, options);
  }

  post<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.json<T>('POST', path, options);
  }

  put<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.json<T>('PUT', path, options);
  }

  delete<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.json<T>('DELETE', path, options);
  }

  /** The bare answer, for streams; refusals are thrown as everywhere. */
  async open(method: string, path: string, { body, form, idempotencyKey, account, signal }: CallOptions = {}): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json, text/event-stream, application/x-ndjson, text/csv' };
    if (this.key) headers['authorization'] = `Bearer ${this.key}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (idempotencyKey) headers['idempotency-key'] = idempotencyKey;
    if (account) headers['tessera-account'] = account;
    const answer = await this.reach(new URL(path, this.url), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(form ? { body: form } : {}),
      ...(signal ? { signal } : {}),
    });
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }

  /** Any other address, without the key: picture links and upload forms are signed. */
  async reach(url: URL, init: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      const cause =
        error instanceof Error && error.cause instanceof Error
          ? error.cause.message || (error.cause as NodeJS.ErrnoException).code
          : undefined;
      throw new CommandFailure(
        `Cannot reach ${url.origin}${cause ? ` (${cause})` : ''}.`,
        exitCodes.failed,
        'Is the server running? `tessera up` starts one; without TESSERA_URL the commands start their own.',
      );
    }
  }

  private async json<T>(method: string, path: string, options: CallOptions): Promise<T> {
    const answer = await this.open(method, path, options);
    const text = await answer.text();
    try {
      return (text ? JSON.parse(text) : {}) as T;
    } catch {
      throw new CommandFailure(`${this.url} did not answer with JSON.`, exitCodes.failed, 'Does TESSERA_URL point at a Tessera server?');
    }
  }
}

export async function refusalOf(answer: Response): Promise<ApiRefusal> {
  const text = await answer.text().catch(() => '');
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    // Not JSON: a proxy's page, say. The status alone must do.
  }
  const reason = typeof body.type === 'string' ? body.type : `http_${answer.status}`;
  const message = typeof body.error === 'string' ? body.error : `The server answered ${answer.status} ${answer.statusText}.`;
  return new ApiRefusal(answer.status, reason, message, hintFor(answer, reason), body.param);
}

function hintFor(answer: Response, reason: string): string | undefined {
  if (answer.status === 401) return 'Set TESSERA_API_KEY to a key of this server, or unset it to use the owner key of the data folder.';
  if (reason === 'insufficient_tokens') return 'Add tokens with `tessera topup 1000`.';
  const retryAfter = answer.headers.get('retry-after');
  return retryAfter ? `Try again in ${retryAfter} s.` : undefined;
}
