import type { Account, Bill, Generation, Model, Quote, Request, Upload } from './wire.js';

const base = '/api/rest/v1';
const galleryCount = 24;

/** A refusal in the server's own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** How long the server asks to wait before another try; 0 when it does not. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** The REST API with one person's key. */
export class Api {
  constructor(readonly key: string) {}

  account = (): Promise<Account> => this.#json('GET', '/account');
  bill = (id: string): Promise<Bill> => this.#json('GET', `/generations/${id}/bill?wait=10000`);
  cancel = (id: string): Promise<unknown> => this.#json('POST', `/generations/${id}/cancel`);
  accept = (pictureId: string, accepted: boolean): Promise<unknown> => this.#json('PUT', `/pictures/${pictureId}`, { body: { accepted } });
  remove = (id: string): Promise<unknown> => this.#json('DELETE', `/generations/${id}`);

  async models(): Promise<readonly Model[]> {
    return (await this.#json<{ custom_models: Model[] }>('GET', '/platformModels')).custom_models;
  }

  async gallery(accountId: string): Promise<readonly Generation[]> {
    return (await this.#json<{ generations: Generation[] }>('GET', `/generations/user/${accountId}?limit=${galleryCount}`)).generations;
  }

  async generation(id: string): Promise<Generation> {
    return (await this.#json<{ generations_by_pk: Generation }>('GET', `/generations/${id}`)).generations_by_pk;
  }

  async quote(request: Request, signal: AbortSignal): Promise<Quote> {
    return (
      await this.#json<{ sdGenerationJob: { tessera: { quote: Quote } } }>('POST', '/generations?dryRun=true', { body: request, signal })
    ).sdGenerationJob.tessera.quote;
  }

  async create(request: Request): Promise<string> {
    const headers = { 'idempotency-key': crypto.randomUUID() };
    return (await this.#json<{ sdGenerationJob: { generationId: string } }>('POST', '/generations', { body: request, headers }))
      .sdGenerationJob.generationId;
  }

  /** Brings a picture of one's own. */
  async upload(file: Blob, name = 'name' in file ? String(file.name) : 'mask.png'): Promise<Upload> {
    const form = new FormData();
    form.set('file', file, name);
    return (await this.#json<{ init_images_by_pk: Upload }>('POST', '/init-image', { form })).init_images_by_pk;
  }

  /** Everything that happens to the account as server-sent events; `EventSource` cannot send the key. */
  events(after: string, signal: AbortSignal): Promise<Response> {
    return this.#open('GET', `/events?previews=true${after ? `&after=${encodeURIComponent(after)}` : ''}`, { signal });
  }

  async #json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return (await (await this.#open(method, path, options)).json()) as T;
  }

  async #open(method: string, path: string, { body, form, headers = {}, signal }: CallOptions): Promise<Response> {
    const answer = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(form ? { body: form } : {}),
      ...(signal ? { signal } : {}),
    });
    if (answer.ok) return answer;
    const refused = (await answer.json().catch(() => ({}))) as { error?: string };
    throw new Refusal(
      answer.status,
      refused.error ?? `The server answered ${answer.status}.`,
      Number(answer.headers.get('retry-after') ?? 0) * 1_000 || 0,
    );
  }
}

type CallOptions = {
  readonly body?: unknown;
  readonly form?: FormData;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
};

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
