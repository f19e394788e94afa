import { setTimeout as delay } from 'node:timers/promises';
import { apiKey, type Running } from './profiles.js';

/* Answers are whatever the server said: the tests look at it. */
export type Answer<T = Record<string, unknown>> = { status: number; headers: Headers; body: T };

/** The REST API as a curl user sees it. */
export class Client {
  constructor(
    readonly server: Pick<Running, 'url'>,
    readonly key = apiKey,
  ) {}

  async call<T = Record<string, any>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as T };
  }

  /** Creates a job and answers its id. */
  async create(request: Record<string, unknown>, idempotencyKey?: string): Promise<string> {
    const { status, body } = await this.call(
      'POST',
      '/api/rest/v1/generations',
      request,
      idempotencyKey ? { 'idempotency-key': idempotencyKey } : {},
    );
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body['sdGenerationJob'].generationId as string;
  }

  /** Waits for the job's end on the server's side. */
  async finished(generationId: string): Promise<Record<string, any>> {
    for (;;) {
      const { body } = await this.call('GET', `/api/rest/v1/generations/${generationId}?wait=20000`);
      const generation = body['generations_by_pk'];
      if (generation.status !== 'PENDING') return generation;
    }
  }

  async bill(generationId: string): Promise<Record<string, any>> {
    return (await this.call('GET', `/api/rest/v1/generations/${generationId}/bill?wait=20000`)).body;
  }

  async account(): Promise<Record<string, any>> {
    return (await this.call('GET', '/api/rest/v1/account')).body;
  }

  /** The audit's findings and its summary. */
  async audit(): Promise<{ findings: Record<string, any>[]; summary: Record<string, any> }> {
    const response = await fetch(`${this.server.url}/api/rest/v1/audit`, { headers: { authorization: `Bearer ${this.key}` } });
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, any>);
    return {
      findings: lines.filter((line) => line['finding']).map((line) => line['finding']),
      summary: lines.find((line) => line['summary'])?.['summary'] ?? {},
    };
  }
}

const askAgainMs = 500;

/** A client that lives through an outage: what got no answer, or 503 and its like, is asked again until the patience is over. Posts must carry an idempotency key. */
export class PatientClient extends Client {
  constructor(
    server: Pick<Running, 'url'>,
    private readonly patienceMs: number,
  ) {
    super(server);
  }

  override async call<T = Record<string, any>>(...request: Parameters<Client['call']>): Promise<Answer<T>> {
    const deadlineMs = Date.now() + this.patienceMs;
    for (;;) {
      const answer = await super.call<T>(...request).catch((error: unknown) => {
        if (Date.now() > deadlineMs) throw error;
        return undefined;
      });
      if (answer !== undefined && (![429, 502, 503, 504].includes(answer.status) || Date.now() > deadlineMs)) return answer;
      await delay(askAgainMs);
    }
  }
}
