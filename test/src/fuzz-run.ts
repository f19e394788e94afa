import fc from 'fast-check';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { startServer } from './bench-server.js';

/**
 * `./tessera bench fuzz [--requests 20000] [--seed 1]`: wrong requests of every kind against a running server. Nothing may be answered with 500 or more, every refusal
 * is typed JSON, and the balance moves by exactly what the accepted jobs cost.
 */
const { values } = parseArgs({ options: { requests: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, clients: { type: 'string', default: '16' } } });

type Attempt = { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body: string | undefined };
type Answer = { readonly status: number; readonly contentType: string; readonly text: string };

const valid = { prompt: 'a red apple', num_images: 1, width: 512, height: 512, num_inference_steps: 10, guidance_scale: 7, seed: 1, presetStyle: 'NONE', negative_prompt: 'blur', init_strength: 0.5 };

const nasty = fc.oneof(
  fc.constantFrom<unknown>(null, '', ' ', -1, 0, 9, 1e308, 1e-308, 2 ** 53, -(2 ** 31), 513, 31, 1.5, true, [], {}, 'NaN', 'Infinity', '../../etc/passwd', '\u0000', '\u202e', '%00', '<script>', "' OR 1=1 --", { $gt: '' }, { __proto__: null, constructor: { prototype: { polluted: 1 } } }),
  fc.constantFrom<unknown>(1, 2, 20, 512, 0.5, 'a dog', 'NONE'),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 4 }),
  fc.constant('x'.repeat(5000)),
);

const mutated = fc.record({ field: fc.oneof(fc.constantFrom(...Object.keys(valid), 'modelId', 'controlnets', 'elements', 'init_image_id', 'init_mask_id', 'init_placement', 'unzoom', 'unzoomAmount', 'canvasRequest', 'canvasInitId', 'canvasMaskId', 'sd_Version', '__proto__', 'tessera'), fc.string({ maxLength: 12 })), value: nasty })
  .map(({ field, value }) => JSON.stringify({ ...valid, [field]: value }));

/** Bodies of the economy's own resources; no pack has a name among them, so nothing is ever paid in. */
const economyNames = ['plan', 'seats', 'spendCapTokens', 'lowBalanceTokens', 'capTokens', 'operationId', 'paymentId', 'pack', 'version', 'effectiveFrom', 'plans', 'type', 'data'];
const economy = fc.dictionary(fc.constantFrom(...economyNames), fc.oneof(nasty, fc.constantFrom<unknown>('free', 'artisan', 'team-growth', 3, 1_000)), { maxKeys: 3 });

const text = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 3, arbitrary: fc.oneof(economy, fc.array(economy, { maxLength: 3 })).map((body) => JSON.stringify(body)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: mutated.chain((json) => fc.nat(json.length).map((cut) => json.slice(0, cut))) },
  { weight: 1, arbitrary: fc.integer({ min: 30, max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
  { weight: 1, arbitrary: fc.constantFrom('', '{}', 'null', '"x"', '{"prompt":1e999}', '{"prompt":"x","prompt":"y"}', '{"a":'.repeat(2000)) },
);

const id = fc.oneof(fc.uuid(), fc.constantFrom('..%2f..%2fetc%2fpasswd', '%ff', '%', 'null', '0', '-1', 'a'.repeat(700), '%00', '🍎', "';--"), fc.string({ maxLength: 20 }).map(encodeURIComponent));
const query = fc.oneof(fc.constant(''), fc.constantFrom('?dryRun=true', '?wait=-1', '?wait=1e9', '?limit=-1', '?limit=99999999', '?offset=abc', '?limit[]=1', '?at=yesterday', '?at=9999-12-31T23:59:59Z', '?by=nothing', '?by=model&from=2026-02-30', '?from=2027-01-01&to=2026-01-01', '?__proto__=1', '?%', '?after=%00'), fc.string({ maxLength: 20 }).map((at) => `?${encodeURIComponent(at)}`));
const api = '/api/rest/v1';
const path = fc.tuple(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(`${api}/generations`) },
    { weight: 2, arbitrary: id.map((at) => `${api}/generations/${at}`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/generations/${at}/bill`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/generations/${at}/cancel`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/generations/user/${at}`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/init-image/${at}`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/keys/${at}`) },
    { weight: 1, arbitrary: id.map((at) => `/objects/${at}`) },
    { weight: 1, arbitrary: id.map((at) => `${api}/account/members/${at}`) },
    { weight: 3, arbitrary: fc.constantFrom(...['accounts', 'account/limits', 'account/balance', 'account/usage', 'account/statement', 'account/entries.csv', 'account/reversals', 'account/payments', 'reconciliation', 'catalogue', 'catalogue/lint', 'catalogue/simulation', 'plans', 'payments/stripe/webhook'].map((at) => `${api}/${at}`)) },
    { weight: 3, arbitrary: fc.constantFrom(`${api}/pricing-calculator`, `${api}/init-image`, `${api}/me`, `${api}/platformModels`, `${api}/keys`, `${api}/queue`, `${api}/account`, `${api}/account/entries`, '/v1/images/generations', '/v1/models', '/objects', '/', '/docs', '/healthz', '/nowhere') },
  ),
  query,
).map(([at, asked]) => at + asked);

const headers = fc.record({
  type: fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', 'multipart/form-data', 'multipart/form-data; boundary=x', 'application/xml', '', 'application/json; charset=utf-16'),
  key: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'none', 'wrong', 'odd'),
  idempotency: fc.oneof(fc.constant(''), fc.constant(''), fc.string({ unit: 'grapheme-ascii', maxLength: 300 })),
});

const server = await startServer({ engine: 'noop' });
const answerWithinMs = 20_000;
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(values.clients) });
const statuses = new Map<number, number>();
const complaints: string[] = [];
let acceptedTokens = 0;

const anywhere = fc.record({ method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'GET', 'DELETE', 'PUT', 'PATCH'), path, headers, text });
/** Everything right but for one field: what comes past the router and reaches validation, price and queue. */
const nearlyRight = fc.record({
  method: fc.constant('POST'),
  path: fc.tuple(fc.constantFrom(`${api}/generations`, `${api}/generations`, `${api}/pricing-calculator`, '/v1/images/generations', `${api}/init-image`), fc.constantFrom('', '', '?dryRun=true')).map(([at, asked]) => at + asked),
  headers: fc.record({ type: fc.constant('application/json'), key: fc.constant('good'), idempotency: fc.constant('') }),
  text: mutated,
});
const shots = fc.sample(fc.oneof(anywhere, nearlyRight), { numRuns: Number(values.requests), seed: Number(values.seed) })
  .map(({ method, path: at, headers: head, text: body }): Attempt => {
    const keys: Record<string, Record<string, string>> = { good: { authorization: `Bearer ${server.key}` }, none: {}, wrong: { authorization: 'Bearer 00000000-0000-4000-8000-000000000000' }, odd: { authorization: 'Basic x:y' } };
    const hasBody = method !== 'GET' && method !== 'DELETE';
    const idempotency = head.idempotency.replaceAll(/[^\x20-\x7e]/g, '').trim();
    return { method, path: at, body: hasBody ? body : undefined, headers: { ...keys[head.key], ...(hasBody && head.type ? { 'content-type': head.type } : {}), ...(idempotency ? { 'idempotency-key': idempotency } : {}) } };
  })
  // Money comes in by top-ups and the audit reads all: both are apart from what is counted here.
  .filter(({ path: at }) => !at.includes('topup') && !at.includes('audit'));

const before = await balance();
const started = performance.now();
await Promise.all(Array.from({ length: Number(values.clients) }, async () => {
  for (let shot = shots.pop(); shot; shot = shots.pop()) await tryOut(shot);
}));
const seconds = (performance.now() - started) / 1000;
const books = await server.closedBooks();
const spent = before - (await balance());
if (spent !== acceptedTokens) complaints.push(`accepted jobs cost ${acceptedTokens} tokens, the balance moved by ${spent}`);
if (books.findings > 0 || books.openHolds > 0) complaints.push(`the audit has ${books.findings} findings, ${books.openHolds} holds are open`);
process.stdout.write(`${JSON.stringify({ seconds, statuses: Object.fromEntries([...statuses].sort()), acceptedTokens, spent, findings: books.findings, complaints: complaints.slice(0, 20), complaintCount: complaints.length }, null, 2)}\n`);
await server.stop();
process.exit(complaints.length === 0 ? 0 : 1);

async function tryOut(shot: Attempt): Promise<void> {
  try {
    judge(shot, await fire(shot));
  } catch (error) {
    complaints.push(`${(error as Error).message}: ${shot.method} ${shot.path.slice(0, 80)} ${JSON.stringify(shot.headers).slice(0, 200)} ${(shot.body ?? '').slice(0, 120)}`);
  }
}

function judge({ method, path: at, body }: Attempt, { status, contentType, text: answer }: Answer): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const complain = (what: string) => complaints.push(`${what}: ${method} ${at.slice(0, 80)} ${(body ?? '').slice(0, 120)} -> ${status} ${answer.slice(0, 200)}`);
  if (status >= 500) complain('server error');
  if (status >= 400 && !isTypedRefusal(contentType, answer)) complain('untyped refusal');
  if (/\n\s+at .+:\d+:\d+/.test(answer)) complain('a stack trace');
  if (status !== 200 || at.includes('dryRun')) return;
  if (at.startsWith(`${api}/generations`) && method === 'POST') {
    const { sdGenerationJob } = JSON.parse(answer) as { sdGenerationJob?: { apiCreditCost: number; tessera: { isReplay?: boolean } } };
    if (sdGenerationJob && !sdGenerationJob.tessera.isReplay) acceptedTokens += sdGenerationJob.apiCreditCost;
  }
}

function isTypedRefusal(contentType: string, answer: string): boolean {
  if (!contentType.startsWith('application/json')) return false;
  const { error, type } = JSON.parse(answer) as { error?: unknown; type?: unknown };
  return (typeof error === 'string' && typeof type === 'string') || (typeof error === 'object' && error !== null && 'type' in error);
}

function fire({ method, path: at, headers: head, body }: Attempt): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const asked = http.request({ hostname, port, method, path: at.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent), headers: head, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, contentType: answer.headers['content-type'] ?? '', text: Buffer.concat(chunks).toString() }));
    });
    asked.setTimeout(answerWithinMs, () => asked.destroy(new Error(`no answer within ${answerWithinMs} ms`)));
    asked.on('error', reject);
    asked.end(body);
  });
}

async function balance(): Promise<number> {
  const answer = await fetch(`${server.url}/api/rest/v1/account`, { headers: { authorization: `Bearer ${server.key}` } });
  return ((await answer.json()) as { balanceTokens: number }).balanceTokens;
}
