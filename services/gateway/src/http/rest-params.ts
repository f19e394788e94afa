import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { operations, type Operation } from './openapi/operations.js';

/** Where several fields of the caller may mean it, the one that was sent is named, else the first. */
type RestName = string | readonly string[];

/** What the services call a field, and how callers of REST write it. */
const restNames: Readonly<Record<string, RestName>> = {
  model_id: 'modelId',
  init_image_id: ['init_image_id', 'init_generation_image_id', 'canvasInitId'],
  init_mask_id: ['init_mask_id', 'canvasMaskId'],
  init_placement: ['init_placement', 'unzoom'],
  presetStyle: ['presetStyle', 'styleUUID'],
  guidance: 'controlnets',
  adapters: 'elements',
  asset_id: 'id',
  asset_ids: 'imageIds',
  character_id: 'characterId',
  character_subject: 'characterSubject',
  image_id: 'id',
  dataset_id: 'id',
  picture_id: 'imageId',
  job_id: 'id',
  webhook_id: 'id',
  content_type: 'extension',
  account_id: 'Tessera-Account',
  idempotency_key: 'Idempotency-Key',
  operation_id: 'Idempotency-Key',
  payment_id: 'paymentId',
  member_id: 'memberId',
  cap_tokens: 'capTokens',
  spend_cap: 'spendCapTokens',
  low_balance: 'lowBalanceTokens',
  resumes_ms: 'resumesAt',
  utc_offset_minutes: 'utcOffsetMinutes',
  at_ms: 'at',
  to_ms: 'to',
  period: ['from', 'to'],
  'period.from_ms': 'from',
  'period.to_ms': 'to',
  after: 'pageToken',
  page_token: 'pageToken',
  page_size: 'pageSize',
  wait_ms: 'wait',
  after_sequence: ['after', 'Last-Event-ID'],
  'synthetic.accounts_per_plan': 'accountsPerPlan',
  'synthetic.jobs_per_day': 'jobsPerDay',
  'synthetic.days': 'days',
  'synthetic.seed': 'seed',
};

/** Where a route writes it in its own way. */
const namesOfRoutes: Readonly<Record<string, Readonly<Record<string, RestName>>>> = {
  createImage: { width: 'size', height: 'size', num_images: 'n', model_id: 'model', num_inference_steps: 'steps' },
  pricingCalculator: Object.fromEntries(
    Object.entries({
      width: 'imageWidth',
      height: 'imageHeight',
      num_images: 'numImages',
      num_inference_steps: 'inferenceSteps',
      model_id: 'modelId',
    }).map(([name, written]) => [name, `serviceParams.IMAGE_GENERATION.${written}`]),
  ),
  quote: Object.fromEntries(
    Object.entries({
      kind: 'kind',
      model_id: 'model',
      width_px: 'width',
      height_px: 'height',
      images: 'images',
      steps: 'steps',
      epochs: 'epochs',
      complexity: 'complexity',
      surcharges: 'surcharges',
    }).map(([name, written]) => [`compute.${name}`, written]),
  ),
  getCharacter: { character_id: 'id' },
  deleteCharacter: { character_id: 'id' },
  uploadDatasetImageFromGen: { asset_id: 'generatedImageId' },
  reverseOperation: { operation_id: 'operationId' },
  recordPayment: { operation_id: 'paymentId' },
  recordRefund: { operation_id: 'paymentId' },
  listPayments: { account_id: 'accountId' },
  exportPayments: { account_id: 'accountId' },
  simulateCatalogue: { account_id: 'accountId' },
  listDeliveries: { id: 'webhookId', webhook_id: 'webhookId' },
};

/** The field as the caller of this route wrote it; undefined for what the caller cannot have written. */
export function paramInRest(param: string, request: FastifyRequest): string | undefined {
  const operation = operationOf(request);
  if (!operation) return param;
  const names = ownOf(namesOfRoutes[operation.id] ?? {}, param) ?? ownOf(restNames, param) ?? param;
  const written = typeof names === 'string' ? names : (names.find((name) => isSent(name, request)) ?? names[0] ?? param);
  return takes(operation, written) || isSent(written, request) ? written : undefined;
}

/** A misspelt name may be `constructor`. */
const ownOf = (names: Readonly<Record<string, RestName>>, param: string): RestName | undefined =>
  Object.hasOwn(names, param) ? names[param] : undefined;

const operationsByRoute = new Map(
  operations.map((operation) => [`${operation.method.toUpperCase()} ${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`, operation]),
);

const operationOf = ({ method, routeOptions }: FastifyRequest): Operation | undefined =>
  operationsByRoute.get(`${method} ${routeOptions.url ?? ''}`);

/** Parts of a multipart form, which has no schema. */
const formParts: readonly string[] = ['file'];

const firstOf = (path: string): string => path.split(/[.[]/, 1)[0] ?? path;

function takes({ path, query, body }: Operation, written: string): boolean {
  const name = firstOf(written);
  return path.includes(`{${name}}`) || fieldsOf(query).includes(name) || fieldsOf(body).includes(name) || formParts.includes(name);
}

const fieldsOf = (schema: z.ZodType | undefined): string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** Headers count when they came; a misspelt name is no field of the route, and is named all the same. */
function isSent(written: string, { body, query, headers }: FastifyRequest): boolean {
  const name = firstOf(written);
  return (
    headers[name.toLowerCase()] !== undefined ||
    [body, query].some((sent) => typeof sent === 'object' && sent !== null && Object.hasOwn(sent, name))
  );
}
