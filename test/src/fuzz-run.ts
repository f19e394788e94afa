import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { Client } from './client.js';

export type FuzzOptions = { readonly requests: number; readonly seed: number; readonly clients: number };

export type FuzzReport = {
  readonly seed: number;
  readonly seconds: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** What the accepted jobs cost by their own answers, and by how much the balance moved. */
  readonly acceptedTokens: number;
  readonly spentTokens: number;
  /** What must not be, in words; the first ones. */
  readonly complaints: readonly string[];
  readonly complaintCount: number;
};

type Attempt = {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
};
type Drawn = {
  readonly method: string;
  readonly path: string;
  readonly headers: { readonly type: string; readonly key: string; readonly idempotency: string; readonly coding: string };
  readonly text: string;
};
type Answer = { readonly status: number; readonly contentType: string; readonly text: string };

const valid = {
  prompt: 'a red apple',
  num_images: 1,
  width: 512,
  height: 512,
  num_inference_steps: 10,
  guidance_scale: 7,
  seed: 1,
  presetStyle: 'NONE',
  negative_prompt: 'blur',
  init_strength: 0.5,
};

const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    -1,
    0,
    9,
    1e308,
    1e-308,
    2 ** 53,
    -(2 ** 31),
    513,
    31,
    1.5,
    true,
    [],
    {},
    'NaN',
    'Infinity',
    '../../etc/passwd',
    '\u0000',
    '\u202e',
    '%00',
    '<script>',
    "' OR 1=1 --",
    { $gt: '' },
    { __proto__: null, constructor: { prototype: { polluted: 1 } } },
  ),
  fc.constantFrom<unknown>(1, 2, 20, 512, 0.5, 'a dog', 'NONE'),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 4 }),
  fc.constant('x'.repeat(5000)),
);

const mutated = fc
  .record({
    field: fc.oneof(
      fc.constantFrom(
        ...Object.keys(valid),
        'modelId',
        'controlnets',
        'elements',
        'init_image_id',
        'init_mask_id',
        'init_placement',
        'unzoom',
        'unzoomAmount',
        'canvasRequest',
        'canvasInitId',
        'canvasMaskId',
        'sd_Version',
        '__proto__',
        'tessera',
      ),
      fc.string({ maxLength: 12 }),
    ),
    value: nasty,
  })
  .map(({ field, value }) => JSON.stringify({ ...valid, [field]: value }));

/** Bodies of billing's own resources; no pack has a name among them, so nothing is ever paid in. */
const billingNames = [
  'plan',
  'seats',
  'spendCapTokens',
  'lowBalanceTokens',
  'capTokens',
  'operationId',
  'paymentId',
  'pack',
  'version',
  'effectiveFrom',
  'plans',
  'type',
  'data',
];
const billingBody = fc.dictionary(
  fc.constantFrom(...billingNames),
  fc.oneof(nasty, fc.constantFrom<unknown>('free', 'artisan', 'team-growth', 3, 1_000)),
  { maxKeys: 3 },
);

const characterBody = fc.record(
  { name: nasty, imageIds: fc.oneof(nasty, fc.array(nasty, { maxLength: 3 })), characterId: nasty },
  { requiredKeys: [] },
);

const text = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 1, arbitrary: characterBody.map((body) => JSON.stringify(body)) },
  { weight: 3, arbitrary: fc.oneof(billingBody, fc.array(billingBody, { maxLength: 3 })).map((body) => JSON.stringify(body)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: mutated.chain((json) => fc.nat(json.length).map((cut) => json.slice(0, cut))) },
  { weight: 1, arbitrary: fc.integer({ min: 30, max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '{}', 'null', '"x"', '{"prompt":1e999}', '{"prompt":"x","prompt":"y"}', '{"a":'.repeat(2000)),
  },
);

const id = fc.oneof(
  fc.uuid(),
  fc.constantFrom('..%2f..%2fetc%2fpasswd', '%ff', '%', 'null', '0', '-1', 'a'.repeat(700), '%00', '🍎', "';--"),
  fc.string({ maxLength: 20 }).map(encodeURIComponent),
);
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?dryRun=true',
    '?dryrun=true',
    '?nonsense=1',
    '?dryRun=true&dryRun=false',
    '?wait=-1',
    '?wait=1e9',
    '?limit=-1',
    '?limit=99999999',
    '?offset=abc',
    '?limit[]=1',
    '?at=yesterday',
    '?at=9999-12-31T23:59:59Z',
    '?by=nothing',
    '?by=model&from=2026-02-30',
    '?from=2027-01-01&to=2026-01-01',
    '?__proto__=1',
    '?%',
    '?after=%00',
    '?previews=maybe',
    '?previews=true&after=c1',
  ),
  fc.string({ maxLength: 20 }).map((at) => `?${encodeURIComponent(at)}`),
);
const api = '/api/rest/v1';
const path = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(`${api}/generations`) },
      { weight: 2, arbitrary: id.map((at) => `${api}/generations/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/generations/${at}/bill`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/generations/${at}/cancel`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/generations/user/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/init-image/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/pictures/${at}/upscale`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/pictures/${at}/remove-background`) },
      { weight: 1, arbitrary: fc.constantFrom('upscale', 'nobg', 'unzoom').map((at) => `${api}/variations/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/variations/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/characters/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/datasets/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/datasets/${at}/upload`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/datasets/${at}/versions`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/keys/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `/objects/${at}`) },
      { weight: 1, arbitrary: id.map((at) => `${api}/account/members/${at}`) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          ...[
            'accounts',
            'account/limits',
            'account/balance',
            'account/usage',
            'account/statement',
            'account/entries.csv',
            'account/reversals',
            'account/payments',
            'reconciliation',
            'catalogue',
            'catalogue/lint',
            'catalogue/simulation',
            'plans',
            'payments/stripe/webhook',
          ].map((at) => `${api}/${at}`),
        ),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          `${api}/pricing-calculator`,
          `${api}/init-image`,
          `${api}/me`,
          `${api}/platformModels`,
          `${api}/keys`,
          `${api}/characters`,
          `${api}/datasets`,
          `${api}/queue`,
          `${api}/events`,
          `${api}/account`,
          `${api}/account/entries`,
          '/v1/images/generations',
          '/v1/models',
          '/objects',
          '/',
          '/docs',
          '/healthz',
          '/nowhere',
        ),
      },
    ),
    query,
  )
  .map(([at, asked]) => at + asked);

const headers = fc.record({
  type: fc.constantFrom(
    'application/json',
    'application/json',
    'application/json',
    'text/plain',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/json',
    'application/vnd.api+json',
    '',
    'application/json; charset=utf-16',
  ),
  coding: fc.constantFrom('', '', '', '', '', '', '', '', 'gzip', 'br, x'),
  key: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'none', 'wrong', 'odd'),
  idempotency: fc.oneof(fc.constant(''), fc.constant(''), fc.string({ unit: 'grapheme-ascii', maxLength: 300 })),
});

const anywhere = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'GET', 'DELETE', 'PUT', 'PATCH'),
  path,
  headers,
  text,
});
/** Everything right but for one field: what comes past the router and reaches validation, price and queue. */
const nearlyRight = fc.record({
  method: fc.constant('POST'),
  path: fc
    .tuple(
      fc.constantFrom(
        `${api}/generations`,
        `${api}/generations`,
        `${api}/pricing-calculator`,
        '/v1/images/generations',
        `${api}/init-image`,
      ),
      fc.constantFrom('', '', '?dryRun=true'),
    )
    .map(([at, asked]) => at + asked),
  headers: fc.record({
    type: fc.constant('application/json'),
    key: fc.constant('good'),
    idempotency: fc.constant(''),
    coding: fc.constant(''),
  }),
  text: mutated,
});
const anything = fc.oneof(anywhere, nearlyRight);

/** Jobs that were accepted go on when the last answer has come. */
const settledWithinMs = 30_000;
const recheckMs = 100;
const answerWithinMs = 20_000;
const complaintsMax = 20;

/** Wrong requests of every kind against a running server, from a seed: nothing may be answered with 500 or more, every refusal is typed JSON, and the balance moves by exactly what the accepted jobs cost. */
export function fuzzRun(client: Client, options: FuzzOptions): Promise<FuzzReport> {
  return new FuzzRun(client).run(options);
}

class FuzzRun {
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #statuses = new Map<number, number>();
  readonly #complaints: string[] = [];
  #acceptedTokens = 0;

  constructor(private readonly client: Client) {}

  async run({ requests, seed, clients }: FuzzOptions): Promise<FuzzReport> {
    const attempts = fc
      .sample(anything, { numRuns: requests, seed })
      .map((drawn) => this.#attemptOf(drawn))
      // Money comes in by top-ups and the audit reads all: both are apart from what is counted here.
      .filter(({ path }) => !path.includes('topup') && !path.includes('audit'));
    const before = await this.#balance();
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let attempt = attempts.pop(); attempt; attempt = attempts.pop()) await this.#tryOut(attempt);
      }),
    );
    const seconds = (performance.now() - startMs) / 1000;
    const { findings, openHolds } = await this.#settledLedger();
    this.#agent.destroy();
    const spentTokens = before - (await this.#balance());
    if (spentTokens !== this.#acceptedTokens)
      this.#complaints.push(`accepted jobs cost ${this.#acceptedTokens} tokens, the balance moved by ${spentTokens}`);
    if (findings > 0 || openHolds > 0) this.#complaints.push(`the audit has ${findings} findings, ${openHolds} holds are open`);
    return {
      seed,
      seconds,
      statuses: Object.fromEntries([...this.#statuses].sort()),
      acceptedTokens: this.#acceptedTokens,
      spentTokens,
      complaints: this.#complaints.slice(0, complaintsMax),
      complaintCount: this.#complaints.length,
    };
  }

  #attemptOf({ method, path, headers: { type, key, idempotency, coding }, text: body }: Drawn): Attempt {
    const keys: Record<string, Record<string, string>> = {
      good: { authorization: `Bearer ${this.client.key}` },
      none: {},
      wrong: { authorization: 'Bearer 00000000-0000-4000-8000-000000000000' },
      odd: { authorization: 'Basic x:y' },
    };
    const hasBody = method !== 'GET' && method !== 'DELETE';
    const idempotencyKey = idempotency.replaceAll(/[^\x20-\x7e]/g, '').trim();
    return {
      method,
      path,
      body: hasBody ? body : undefined,
      headers: {
        ...keys[key],
        ...(hasBody && type ? { 'content-type': type } : {}),
        ...(hasBody && coding ? { 'content-encoding': coding } : {}),
        ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
      },
    };
  }

  async #tryOut(attempt: Attempt): Promise<void> {
    try {
      this.#judge(attempt, await this.#fire(attempt));
    } catch (error) {
      this.#complaints.push(
        `${(error as Error).message}: ${attempt.method} ${attempt.path.slice(0, 80)} ${JSON.stringify(attempt.headers).slice(0, 200)} ${(attempt.body ?? '').slice(0, 120)}`,
      );
    }
  }

  #judge({ method, path, body }: Attempt, { status, contentType, text: answer }: Answer): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    const complain = (what: string) =>
      this.#complaints.push(`${what}: ${method} ${path.slice(0, 80)} ${(body ?? '').slice(0, 120)} -> ${status} ${answer.slice(0, 200)}`);
    if (status >= 500) complain('server error');
    if (status >= 400 && !isTypedRefusal(contentType, answer)) complain('untyped refusal');
    if (/\n\s+at .+:\d+:\d+/.test(answer)) complain('a stack trace');
    if (answer.includes(this.client.key)) complain('the key of the caller');
    if (status !== 200 || path.includes('dryRun')) return;
    if (path.startsWith(`${api}/generations`) && method === 'POST') {
      const { sdGenerationJob } = JSON.parse(answer) as { sdGenerationJob?: { apiCreditCost: number; tessera: { isReplay?: boolean } } };
      if (sdGenerationJob && !sdGenerationJob.tessera.isReplay) this.#acceptedTokens += sdGenerationJob.apiCreditCost;
    }
  }

  #fire({ method, path, headers, body }: Attempt): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(this.client.server.url);
      const asked = http.request(
        { hostname, port, method, path: path.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent), headers, agent: this.#agent },
        (answer) => {
          const chunks: Buffer[] = [];
          // A stream that never ends has said all when it has begun.
          if (answer.headers['content-type']?.startsWith('text/event-stream'))
            answer
              .once('data', () => answer.destroy())
              .once('close', () => resolve({ status: answer.statusCode ?? 0, contentType: 'text/event-stream', text: '' }));
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              contentType: answer.headers['content-type'] ?? '',
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      asked.setTimeout(answerWithinMs, () => asked.destroy(new Error(`no answer within ${answerWithinMs} ms`)));
      asked.on('error', reject);
      asked.end(body);
    });
  }

  async #balance(): Promise<number> {
    return Number((await this.client.call('GET', `${api}/account`)).body['balanceTokens']);
  }

  /** The audit's last line, once every hold is closed or that takes too long. */
  async #settledLedger(): Promise<{ findings: number; openHolds: number }> {
    const deadlineMs = performance.now() + settledWithinMs;
    for (;;) {
      const answer = await fetch(`${this.client.server.url}${api}/audit`, { headers: { authorization: `Bearer ${this.client.key}` } });
      const { summary } = JSON.parse((await answer.text()).trim().split('\n').at(-1) ?? '{}') as {
        summary: { findings: number; openHolds: number };
      };
      if (summary.openHolds === 0 || performance.now() > deadlineMs) return summary;
      await delay(recheckMs);
    }
  }
}

function isTypedRefusal(contentType: string, answer: string): boolean {
  if (!contentType.startsWith('application/json')) return false;
  const { error, type } = JSON.parse(answer) as { error?: unknown; type?: unknown };
  return (typeof error === 'string' && typeof type === 'string') || (typeof error === 'object' && error !== null && 'type' in error);
}
