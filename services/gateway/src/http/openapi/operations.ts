import type { z } from 'zod';
import { createGenerationBody, pricingBody, uploadCanvasInitImageBody, uploadInitImageBody } from '../../generations/schemas/leonardo.js';
import { imagesBody } from '../../openai/openai-schemas.js';
import { responses } from '../schemas/responses.js';
import {
  accountEventsQuery,
  balanceQuery,
  changePlanBody,
  createKeyBody,
  createQuery,
  createWebhookBody,
  deadLettersQuery,
  deliveriesQuery,
  entriesQuery,
  eventsQuery,
  limitsBody,
  listQuery,
  markBody,
  memberBody,
  openAccountBody,
  pauseBody,
  paymentBody,
  periodQuery,
  priceListBody,
  quoteBody,
  reversalBody,
  simulationQuery,
  topUpBody,
  updateWebhookBody,
  usageQuery,
  waitQuery,
} from '../schemas/tessera.js';

export type Operation = {
  readonly id: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As OpenAPI writes it: `/things/{id}`. */
  readonly path: string;
  readonly tag: 'Generations' | 'Init images' | 'Account' | 'Economy' | 'Webhooks' | 'Keys' | 'Models and prices' | 'OpenAI Images' | 'Server';
  readonly summary: string;
  readonly body?: z.ZodType;
  /** Names that it does not know are refused. Absent: none is known. */
  readonly query?: z.ZodObject;
  /** Whose query is somebody else's to write: payment providers add to the addresses that they call, and so do those who link to a page. */
  readonly isQueryFree?: boolean;
  readonly headers?: readonly (keyof typeof requestHeaders)[];
  readonly answer?: z.ZodType;
  /** When the answer is no JSON object. */
  readonly contentType?: 'text/event-stream' | 'application/x-ndjson' | 'text/plain' | 'text/csv' | 'application/vnd.apache.parquet' | 'text/html' | 'application/json';
  readonly isPublic?: boolean;
  /** Statuses beyond those that every route may answer. */
  readonly errors?: readonly number[];
  /** Body of the curl example. */
  readonly example?: unknown;
};

export const requestHeaders = {
  'Tessera-Account': "The account to act for; only the installation's owner may name another than the key's.",
  'Idempotency-Key': '1 to 255 printable ASCII characters. The same key with the same request has its effect once and gets the first answer again; with another request it is refused (409).',
  Prefer: '`wait=30`: answer when the job has ended, or after so many seconds (at most 60).',
  'Last-Event-ID': 'Resume after this event.',
} as const;

const api = '/api/rest/v1';
const uuid = '0199aaaa-0000-7000-8000-000000000000';

/** Every route of the gateway; a spec holds this list against the server's own routing table. */
export const operations: readonly Operation[] = [
  { id: 'createGeneration', method: 'post', path: `${api}/generations`, tag: 'Generations', summary: 'Paint pictures. Durable when answered; the pictures follow.', body: createGenerationBody, query: createQuery, headers: ['Idempotency-Key', 'Prefer'], answer: responses.created, errors: [402, 409], example: { prompt: 'a red apple on a beach at sunset', num_images: 2, seed: 7 } },
  { id: 'getGenerationById', method: 'get', path: `${api}/generations/{id}`, tag: 'Generations', summary: 'One generation, its pictures and its bill.', query: waitQuery, answer: responses.generation, errors: [404] },
  { id: 'deleteGenerationById', method: 'delete', path: `${api}/generations/{id}`, tag: 'Generations', summary: 'Remove a generation with its pictures; one that has not ended is cancelled first.', answer: responses.deletedGeneration, errors: [404] },
  { id: 'getGenerationsByUserId', method: 'get', path: `${api}/generations/user/{userId}`, tag: 'Generations', summary: 'Your generations, newest first. `userId` is `user.id` of /me.', query: listQuery, answer: responses.generations, errors: [404] },
  { id: 'watchGeneration', method: 'get', path: `${api}/generations/{id}/events`, tag: 'Generations', summary: 'Server-sent events `state`, `progress`, `preview` and, last, `done`. Resumes after Last-Event-ID or `after`.', query: eventsQuery, headers: ['Last-Event-ID'], contentType: 'text/event-stream', errors: [404] },
  { id: 'cancelGeneration', method: 'post', path: `${api}/generations/{id}/cancel`, tag: 'Generations', summary: 'Stop a generation; its tokens return. One that has ended stays as it is.', answer: responses.generation, errors: [404] },
  { id: 'getBill', method: 'get', path: `${api}/generations/{id}/bill`, tag: 'Generations', summary: 'What a generation costs, line by line. `wait` waits for the bill to be closed.', query: waitQuery, answer: responses.bill, errors: [404] },
  { id: 'markPicture', method: 'put', path: `${api}/pictures/{id}`, tag: 'Generations', summary: 'Mark a picture as accepted, or take the mark back: usage reports tell what an accepted picture costs.', body: markBody, answer: responses.marked, errors: [404], example: { accepted: true } },
  { id: 'uploadInitImage', method: 'post', path: `${api}/init-image`, tag: 'Init images', summary: 'A form to post a picture with (send its fields first, then `file`). Multipart with a `file` uploads at once.', body: uploadInitImageBody, answer: responses.upload, example: { extension: 'png' } },
  { id: 'uploadCanvasInitImage', method: 'post', path: `${api}/canvas-init-image`, tag: 'Init images', summary: 'Two forms: one for a picture, one for a mask that shows white what is to be repainted.', body: uploadCanvasInitImageBody, answer: responses.canvasUpload, example: { initExtension: 'png', maskExtension: 'png' } },
  { id: 'getInitImageById', method: 'get', path: `${api}/init-image/{id}`, tag: 'Init images', summary: 'One uploaded picture.', answer: responses.initImage, errors: [404, 409] },
  { id: 'deleteInitImageById', method: 'delete', path: `${api}/init-image/{id}`, tag: 'Init images', summary: 'Remove an uploaded picture.', answer: responses.deletedInitImage, errors: [404] },
  { id: 'listPlatformModels', method: 'get', path: `${api}/platformModels`, tag: 'Models and prices', summary: 'The models of this server.', answer: responses.models },
  { id: 'pricingCalculator', method: 'post', path: `${api}/pricing-calculator`, tag: 'Models and prices', summary: 'The price of a generation in tokens; the same function prices the real thing.', body: pricingBody, answer: responses.price, errors: [422], example: { service: 'IMAGE_GENERATION', serviceParams: { IMAGE_GENERATION: { imageWidth: 512, imageHeight: 512, numImages: 2, inferenceSteps: 20 } } } },
  { id: 'getUserSelf', method: 'get', path: `${api}/me`, tag: 'Account', summary: "Your user id and token counters in Leonardo's shape.", answer: responses.user },
  { id: 'getAccount', method: 'get', path: `${api}/account`, tag: 'Account', summary: 'Balance, buckets in burn order, limits, open holds.', answer: responses.account },
  { id: 'topUp', method: 'post', path: `${api}/account/topup`, tag: 'Account', summary: 'Add tokens. Owner only.', body: topUpBody, headers: ['Idempotency-Key'], answer: responses.account, errors: [404, 409, 422], example: { tokens: 1000 } },
  { id: 'listEntries', method: 'get', path: `${api}/account/entries`, tag: 'Account', summary: 'Ledger entries, newest first.', query: entriesQuery, answer: responses.entries, errors: [404] },
  { id: 'describeQueue', method: 'get', path: `${api}/queue`, tag: 'Account', summary: 'How much is waiting and running, of all and of yours.', answer: responses.queue },
  { id: 'watchEvents', method: 'get', path: `${api}/events`, tag: 'Account', summary: 'Everything that happens to your account as server-sent events: `generation`, `progress`, `preview`, `removed`, `balance`, `queue`; `caught_up` after what changed since Last-Event-ID or `after`.', query: accountEventsQuery, headers: ['Last-Event-ID', 'Tessera-Account'], contentType: 'text/event-stream' },
  { id: 'audit', method: 'get', path: `${api}/audit`, tag: 'Account', summary: 'Recomputes every balance, hash chain and invariant: one JSON object a line, `{"finding"}` each, then `{"summary"}`. Owner only.', contentType: 'application/x-ndjson' },
  { id: 'openAccount', method: 'post', path: `${api}/accounts`, tag: 'Economy', summary: 'Open an account on a plan; make its keys with `Tessera-Account`. Owner only.', body: openAccountBody, headers: ['Idempotency-Key'], answer: responses.account, errors: [409], example: { plan: 'team-starter', seats: 5 } },
  { id: 'listPlans', method: 'get', path: `${api}/plans`, tag: 'Economy', summary: 'Plans and packs, with prices.', answer: responses.plans },
  { id: 'changePlan', method: 'post', path: `${api}/account/plan`, tag: 'Economy', summary: 'More tokens count at once, for the rest of the cycle; fewer from the next renewal. Owner only; a payment does it by itself.', body: changePlanBody, headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409], example: { plan: 'maestro' } },
  { id: 'cancelPlan', method: 'delete', path: `${api}/account/plan`, tag: 'Economy', summary: 'The plan ends with its month; then the rollover bank expires.', headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409] },
  { id: 'pausePlan', method: 'post', path: `${api}/account/plan/pause`, tag: 'Economy', summary: 'The plan rests from the end of its month, its bank frozen, until the day that is named or until it is resumed.', body: pauseBody, headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409], example: { resumesAt: '2027-03-01' } },
  { id: 'resumePlan', method: 'post', path: `${api}/account/plan/resume`, tag: 'Economy', summary: 'A paused plan goes on at once, with a new cycle; a pause that has not begun is taken back. Owner only.', headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409] },
  { id: 'quote', method: 'post', path: `${api}/quote`, tag: 'Models and prices', summary: 'What pictures, clips, a training or an enlargement would cost, line by line, in the wallet that would pay.', body: quoteBody, headers: ['Tessera-Account'], answer: responses.quoted, errors: [404, 422], example: { kind: 'motion', width: 1024, height: 576 } },
  { id: 'setLimits', method: 'put', path: `${api}/account/limits`, tag: 'Economy', summary: 'Cap what a cycle may cost, or be told when the balance is low. What is not named stays.', body: limitsBody, headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409], example: { spendCapTokens: 20_000, lowBalanceTokens: 500 } },
  { id: 'putMember', method: 'put', path: `${api}/account/members/{memberId}`, tag: 'Economy', summary: 'Give a member a seat, or another cap.', body: memberBody, headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [402, 404, 409], example: { capTokens: 5_000 } },
  { id: 'removeMember', method: 'delete', path: `${api}/account/members/{memberId}`, tag: 'Economy', summary: "Free a member's seat; a vacant seat is dropped at the renewal.", headers: ['Idempotency-Key', 'Tessera-Account'], answer: responses.account, errors: [404, 409] },
  { id: 'reverseOperation', method: 'post', path: `${api}/account/reversals`, tag: 'Economy', summary: "Take a top-up back as far as nobody has spent it, or give a job's charge back, as a new entry. Once for each. Owner only.", body: reversalBody, headers: ['Tessera-Account'], answer: responses.account, errors: [404, 409], example: { operationId: `close:${uuid}` } },
  { id: 'balanceAt', method: 'get', path: `${api}/account/balance`, tag: 'Economy', summary: 'The account as it was at an instant, recomputed from its entries.', query: balanceQuery, headers: ['Tessera-Account'], answer: responses.position, errors: [404] },
  { id: 'usage', method: 'get', path: `${api}/account/usage`, tag: 'Economy', summary: 'What was charged, by member, model, project, job or picture (`asset`), and what an accepted picture costs.', query: usageQuery, headers: ['Tessera-Account'], answer: responses.usage, errors: [404] },
  { id: 'statement', method: 'get', path: `${api}/account/statement`, tag: 'Economy', summary: 'Opening balance, what came, went and expired, closing balance: it adds up to the token.', query: periodQuery, headers: ['Tessera-Account'], answer: responses.statement, errors: [404] },
  { id: 'exportEntries', method: 'get', path: `${api}/account/entries.csv`, tag: 'Economy', summary: 'The ledger as CSV (RFC 4180): a row for each posting, oldest first.', query: periodQuery, headers: ['Tessera-Account'], contentType: 'text/csv', errors: [404] },
  { id: 'exportParquet', method: 'get', path: `${api}/account/entries.parquet`, tag: 'Economy', summary: 'The same as an Apache Parquet file.', query: periodQuery, headers: ['Tessera-Account'], contentType: 'application/vnd.apache.parquet', errors: [404] },
  { id: 'reconcile', method: 'get', path: `${api}/reconciliation`, tag: 'Economy', summary: 'Holds the ledger against the jobs of all accounts: one JSON object a line, `{"finding"}` each, then `{"summary"}`. Owner only.', contentType: 'application/x-ndjson' },
  { id: 'recordPayment', method: 'post', path: `${api}/account/payments`, tag: 'Economy', summary: 'A pack was paid for, by your own word: its tokens are added. The same payment counts once. Owner only.', body: paymentBody, headers: ['Tessera-Account'], answer: responses.payment, errors: [402, 404, 409], example: { paymentId: 'invoice-2026-0042', pack: 'medium' } },
  { id: 'recordRefund', method: 'delete', path: `${api}/account/payments/{paymentId}`, tag: 'Economy', summary: 'The money went back: so do the tokens, as far as nobody has spent them. Owner only.', answer: responses.paymentOutcome, errors: [404] },
  { id: 'receivePayment', method: 'post', path: `${api}/payments/{provider}/webhook`, tag: 'Economy', summary: 'For payment providers: signed events, Stripe-shaped for `stripe`. Safe to repeat and to reorder.', answer: responses.paymentOutcome, isPublic: true, isQueryFree: true },
  { id: 'getCatalogue', method: 'get', path: `${api}/catalogue`, tag: 'Economy', summary: 'The price list, all versions. Owner only.', contentType: 'application/json' },
  { id: 'lintCatalogue', method: 'post', path: `${api}/catalogue/lint`, tag: 'Economy', summary: 'What is wrong or odd about a price list that is meant to follow the present one. Owner only.', body: priceListBody, answer: responses.lint },
  { id: 'simulateCatalogue', method: 'post', path: `${api}/catalogue/simulation`, tag: 'Economy', summary: 'Lives the lives of accounts again under the newest catalogue of a price list: one JSON object a line, an account each. Changes nothing. Owner only.', body: priceListBody, query: simulationQuery, contentType: 'application/x-ndjson', errors: [404] },
  { id: 'createKey', method: 'post', path: `${api}/keys`, tag: 'Keys', summary: 'A new API key, shown once.', body: createKeyBody, answer: responses.createdKey, errors: [409], example: { name: 'batch jobs', scopes: ['all'] } },
  { id: 'listKeys', method: 'get', path: `${api}/keys`, tag: 'Keys', summary: 'Your keys, oldest first, revoked ones included.', answer: responses.keys },
  { id: 'revokeKey', method: 'delete', path: `${api}/keys/{id}`, tag: 'Keys', summary: 'Revoke a key; works at once.', answer: responses.key, errors: [404] },
  { id: 'createWebhook', method: 'post', path: `${api}/webhooks`, tag: 'Webhooks', summary: 'Be told when jobs end and when tokens run low: signed posts (standardwebhooks.com), repeated for three days until they are taken. The secret is shown once.', body: createWebhookBody, headers: ['Tessera-Account'], answer: responses.secretWebhook, errors: [409], example: { url: 'https://example.com/tessera', events: ['job.finished'] } },
  { id: 'listWebhooks', method: 'get', path: `${api}/webhooks`, tag: 'Webhooks', summary: 'Your webhooks, oldest first.', headers: ['Tessera-Account'], answer: responses.webhooks },
  { id: 'updateWebhook', method: 'put', path: `${api}/webhooks/{id}`, tag: 'Webhooks', summary: 'Change where it goes and what it gets, or switch it off. What is not named stays.', body: updateWebhookBody, headers: ['Tessera-Account'], answer: responses.webhook, errors: [404], example: { isEnabled: false } },
  { id: 'deleteWebhook', method: 'delete', path: `${api}/webhooks/{id}`, tag: 'Webhooks', summary: 'Remove a webhook; what is on its way to it is dropped.', headers: ['Tessera-Account'], answer: responses.removedWebhook, errors: [404] },
  { id: 'rotateWebhookSecret', method: 'post', path: `${api}/webhooks/{id}/secret`, tag: 'Webhooks', summary: 'A new secret; the old one signs beside it for a day.', headers: ['Tessera-Account'], answer: responses.secretWebhook, errors: [404] },
  { id: 'testWebhook', method: 'post', path: `${api}/webhooks/{id}/test`, tag: 'Webhooks', summary: 'Send an event of the type `ping`.', headers: ['Tessera-Account'], answer: responses.delivery, errors: [404] },
  { id: 'listDeliveries', method: 'get', path: `${api}/webhook-deliveries`, tag: 'Webhooks', summary: 'What was sent and what became of it, newest first; kept for 30 days.', query: deliveriesQuery, headers: ['Tessera-Account'], answer: responses.deliveries, errors: [404] },
  { id: 'redeliver', method: 'post', path: `${api}/webhook-deliveries/{id}/redeliver`, tag: 'Webhooks', summary: 'Send it again, with the same id.', headers: ['Tessera-Account'], answer: responses.delivery, errors: [404] },
  { id: 'createImage', method: 'post', path: '/v1/images/generations', tag: 'OpenAI Images', summary: "OpenAI's Images API: from words to pictures in one call (waits up to two minutes).", body: imagesBody, headers: ['Idempotency-Key'], answer: responses.openAiImages, errors: [402, 409, 500, 504], example: { prompt: 'a red apple on a beach at sunset', size: '512x512', response_format: 'url' } },
  { id: 'listOpenAiModels', method: 'get', path: '/v1/models', tag: 'OpenAI Images', summary: 'The models of this server by name.', answer: responses.openAiModels },
  { id: 'listDeadLetters', method: 'get', path: `${api}/dead-letters`, tag: 'Server', summary: 'Events that a service has given up after its retries, newest first. Owner only.', query: deadLettersQuery, answer: responses.deadLetters },
  { id: 'redriveDeadLetter', method: 'post', path: `${api}/dead-letters/{id}/redrive`, tag: 'Server', summary: 'Have its service handle it once more, soon: the letter goes when that succeeds, and counts another attempt when not. Owner only.', answer: responses.redrivenLetter, errors: [404, 409] },
  { id: 'healthz', method: 'get', path: '/healthz', tag: 'Server', summary: 'Alive.', answer: responses.health, isPublic: true },
  { id: 'readyz', method: 'get', path: '/readyz', tag: 'Server', summary: 'Whether the store and the other services answer; 503 when not. `degraded` when only what it can do without, the cache, is away.', answer: responses.readiness, isPublic: true },
  { id: 'metrics', method: 'get', path: '/metrics', tag: 'Server', summary: 'Prometheus metrics.', contentType: 'text/plain', isPublic: true },
  { id: 'openapi', method: 'get', path: '/openapi.json', tag: 'Server', summary: 'This description (OpenAPI 3.1).', contentType: 'application/json', isPublic: true },
  { id: 'docs', method: 'get', path: '/docs', tag: 'Server', summary: 'This description as a page.', contentType: 'text/html', isPublic: true, isQueryFree: true },
  { id: 'errors', method: 'get', path: '/docs/errors', tag: 'Server', summary: 'Every reason that a call is refused with or a job ends with.', contentType: 'text/html', isPublic: true, isQueryFree: true },
  { id: 'error', method: 'get', path: '/docs/errors/{reason}', tag: 'Server', summary: 'What one reason means and whether a repeat helps; the `doc` of an error leads there.', contentType: 'text/html', isPublic: true, isQueryFree: true, errors: [404] },
  { id: 'home', method: 'get', path: '/', tag: 'Server', summary: 'The console.', contentType: 'text/html', isPublic: true, isQueryFree: true },
];

/** As the router writes it: `GET /things/:id`. */
const routeOf = ({ method, path }: Operation): string => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;

const operationsByRoute: ReadonlyMap<string, Operation> = new Map(operations.map((operation) => [routeOf(operation), operation]));

/** HEAD is GET without its body. */
export const operationAt = (method: string, route: string | undefined): Operation | undefined => operationsByRoute.get(`${method === 'HEAD' ? 'GET' : method} ${route}`);

export const exampleId = uuid;
