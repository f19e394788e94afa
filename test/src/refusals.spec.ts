import { create, fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BadRequestSchema, ErrorInfoSchema } from '@tessera/contracts/google/rpc/error_details_pb.js';
import { StatusSchema } from '@tessera/contracts/google/rpc/status_pb.js';
import { BillingService } from '@tessera/contracts/tessera/gateway/v1/billing_pb.js';
import { TesseraService } from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { WebhookService } from '@tessera/contracts/tessera/gateway/v1/webhooks_pb.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { Client } from './client.js';
import { apiKey, newDataDir, profiles, removeDataDir, type Running } from './profiles.js';

const generations = '/api/rest/v1/generations';
const nobodys = '0199aaaa-0000-7000-8000-000000000000';

type Refusal = {
  readonly code: number;
  readonly reason: string;
  readonly type: string;
  readonly param: string;
  readonly fields: string[];
  readonly requestId: string;
  readonly infoRequestId: string;
};

/** What a client of any language reads out of a refusal. */
function refusalOf({ code, metadata }: ServiceError): Refusal {
  const { details } = fromBinary(StatusSchema, metadata.get('grpc-status-details-bin')[0] as Uint8Array);
  const info = details.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find(Boolean) ?? create(ErrorInfoSchema);
  const request = details.map((detail) => anyUnpack(detail, BadRequestSchema)).find(Boolean);
  return {
    code,
    reason: info.reason,
    type: info.metadata['type'] ?? '',
    param: info.metadata['param'] ?? '',
    fields: request?.fieldViolations.map(({ field }) => field) ?? [],
    requestId: String(metadata.get('x-request-id')[0]),
    infoRequestId: info.metadata['request_id'] ?? '',
  };
}

describe.each(Object.entries(profiles))('refusals, %s', (_name, start) => {
  let server: Running;
  let client: Client;
  let grpc: Record<string, InstanceType<ReturnType<typeof makeGenericClientConstructor>>>;

  beforeAll(async () => {
    server = await start({ dataDir: await newDataDir() });
    client = new Client(server);
    grpc = Object.fromEntries(
      [TesseraService, BillingService, WebhookService].map((service) => {
        const OfService = makeGenericClientConstructor(packageDefinition([service])[service.typeName] as never, service.typeName);
        return [service.typeName, new OfService(server.grpcAddress, credentials.createInsecure())];
      }),
    );
  }, 90_000);

  afterAll(async () => {
    for (const one of Object.values(grpc)) one.close();
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  /** The refusal, or the trailing request id of a call that succeeds. */
  const call = (service: { typeName: string }, method: string, request: object, headers: Record<string, string> = {}) =>
    new Promise<{ error: Refusal | undefined; requestId: string }>((resolve) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries({ authorization: `Bearer ${apiKey}`, ...headers })) metadata.set(name, value);
      let error: ServiceError | null = null;
      const made = (
        grpc[service.typeName]![method] as unknown as (
          request: object,
          metadata: Metadata,
          done: (error: ServiceError | null) => void,
        ) => { on(event: 'status', heard: (status: { metadata: Metadata }) => void): void }
      ).call(grpc[service.typeName], request, metadata, (failed) => (error = failed));
      made.on('status', ({ metadata: trailers }) =>
        setImmediate(() => resolve({ error: error ? refusalOf(error) : undefined, requestId: String(trailers.get('x-request-id')[0]) })),
      );
    });

  it('answers 409, 404 and 422 where no payment would help', async () => {
    const upload = await client.call('POST', '/api/rest/v1/init-image', { extension: 'png' });
    const { id } = upload.body['uploadInitImage'];
    expect(await client.call('GET', `/api/rest/v1/init-image/${id}`)).toMatchObject({
      status: 409,
      body: { type: 'upload_missing', code: 'conflict', param: 'id' },
    });
    expect(await client.call('POST', generations, { prompt: 'a', init_image_id: id })).toMatchObject({
      status: 409,
      body: { type: 'upload_missing', param: 'init_image_id' },
    });
    expect(await client.call('POST', '/api/rest/v1/account/plan/resume', {})).toMatchObject({
      status: 409,
      body: { type: 'nothing_to_resume' },
    });
    expect(await client.call('GET', '/api/rest/v1/account/balance?wallet=credits')).toMatchObject({
      status: 404,
      body: { type: 'unknown_account', error: expect.not.stringContaining('.credits') },
    });
  });

  it.each([
    ['GET', `${generations}/{id}`],
    ['DELETE', `${generations}/{id}`],
    ['POST', `${generations}/{id}/cancel`],
    ['GET', `${generations}/{id}/events`],
    ['GET', `${generations}/{id}/bill`],
    ['GET', '/api/rest/v1/init-image/{id}'],
    ['DELETE', '/api/rest/v1/keys/{id}'],
    ['DELETE', '/api/rest/v1/webhooks/{id}'],
    ['POST', '/api/rest/v1/webhook-deliveries/{id}/redeliver'],
  ])('says the same of an id that is none as of one that is nobody’s: %s %s', async (method, path) => {
    const [none, others] = await Promise.all(['no-id', nobodys].map((id) => client.call(method, path.replace('{id}', id))));
    expect(none!.status).toBe(404);
    expect({ ...none!.body, requestId: '' }).toEqual({ ...others!.body, requestId: '' });
    expect(none!.body).toMatchObject({ param: 'id' });
  });

  it('says the same of an account that is none as of one that does not exist', async () => {
    const [none, others] = await Promise.all(
      ['no-id', nobodys].map((id) => client.call('GET', '/api/rest/v1/account', undefined, { 'tessera-account': id })),
    );
    expect([none!.status, none!.body['type']]).toEqual([404, 'unknown_account']);
    expect([others!.status, others!.body['type']]).toEqual([404, 'unknown_account']);
  });

  it.each([
    ['GET', '/api/rest/v1/webhook-deliveries?webhookId=', undefined, 'unknown_webhook', 'webhookId'],
    ['POST', '/api/rest/v1/catalogue/simulation?accountId=', 'GET /api/rest/v1/catalogue', 'unknown_account', 'accountId'],
  ])('says the same of an id that is none in a query as of one that is nobody’s: %s %s', async (method, path, bodyFrom, type, param) => {
    const body = bodyFrom === undefined ? undefined : (await client.call('GET', bodyFrom.split(' ')[1]!)).body;
    const [none, others] = await Promise.all(['no-id', nobodys].map((id) => client.call(method, `${path}${id}`, body)));
    expect(none).toMatchObject({ status: 404, body: { type, param } });
    expect({ ...none!.body, requestId: '' }).toEqual({ ...others!.body, requestId: '' });
  });

  it('names fields as REST has them, and no id of ours', async () => {
    const used = { 'idempotency-key': 'once' };
    await client.call('POST', '/api/rest/v1/account/topup', { tokens: 5 }, used);
    const clash = await client.call('POST', '/api/rest/v1/account/topup', { tokens: 6 }, used);
    expect(clash).toMatchObject({
      status: 409,
      body: { type: 'operation_id_reused', param: 'Idempotency-Key', error: expect.not.stringMatching(/[0-9a-f]{8}-[0-9a-f]{4}-/) },
    });
    expect(await client.call('GET', '/api/rest/v1/account/entries?pageToken=nonsense')).toMatchObject({
      status: 400,
      body: { param: 'pageToken' },
    });
    expect(await client.call('POST', generations, { prompt: 'a', elements: [{ akUUID: 'nobody' }] })).toMatchObject({
      body: { param: 'elements' },
    });
  });

  it('carries google.rpc details over gRPC, with the path of the field in the request', async () => {
    const { error } = await call(TesseraService, 'CreateGeneration', { request: { prompt: 'a', images: 9 } });
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'TOO_MANY_IMAGES',
      type: 'too_many_images',
      fields: ['request.images'],
    });
  });

  it.each([
    [{ prompt: 'a', widthPx: 513 }, 'request.width_px'],
    [{ prompt: 'a', steps: 4000 }, 'request.steps'],
    [{ prompt: 'a', style: 'SHINY' }, 'request.style'],
    [{ prompt: 'a', modelId: 'nobody' }, 'request.model_id'],
    [{ prompt: 'a', initImage: { assetId: nobodys, strength: 0.5 } }, 'request.init_image.asset_id'],
    [{ prompt: 'a', initImage: { assetId: nobodys, strength: 7 } }, 'request.init_image.strength'],
  ])('of %j names %s', async (request, field) => {
    const { error } = await call(TesseraService, 'CreateGeneration', { request: { images: 1, ...request } });
    expect(error?.fields).toEqual([field]);
  });

  it.each([
    [TesseraService, 'GetGeneration', { jobId: 'no-id' }, 'UNKNOWN_JOB', 'job_id'],
    [TesseraService, 'MarkPicture', { imageId: nobodys }, 'UNKNOWN_ASSET', 'image_id'],
    [WebhookService, 'DeleteWebhook', { webhookId: nobodys }, 'UNKNOWN_WEBHOOK', 'webhook_id'],
    [WebhookService, 'Redeliver', { deliveryId: nobodys }, 'UNKNOWN_DELIVERY', 'delivery_id'],
    [BillingService, 'ListEntries', { pageToken: 'nonsense' }, 'INVALID_CURSOR', 'page_token'],
    [BillingService, 'ReverseOperation', { reversedOperationId: 'topup:none' }, 'UNKNOWN_OPERATION', ''],
  ])('of %o %s with %j says %s about "%s"', async (service, method, request, reason, param) => {
    expect((await call(service, method, request)).error).toMatchObject({ reason, param });
  });

  it('answers ALREADY_EXISTS to a key that was used for another request', async () => {
    const key = { 'idempotency-key': 'g' };
    await call(TesseraService, 'CreateGeneration', { request: { prompt: 'a', images: 1 } }, key);
    const { error } = await call(TesseraService, 'CreateGeneration', { request: { prompt: 'b', images: 1 } }, key);
    expect(error).toMatchObject({ code: status.ALREADY_EXISTS, reason: 'IDEMPOTENCY_KEY_REUSED', param: 'idempotency-key' });
  });

  it('brings the request id with every answer of gRPC, the caller’s trace if there is one', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const { error, requestId } = await call(TesseraService, 'GetAccount', {}, { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect([error, requestId]).toEqual([undefined, traceId]);
    const refused = (await call(TesseraService, 'GetAccount', {}, { authorization: 'Bearer nobody' })).error;
    expect(refused).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: 'WRONG_KEY',
      requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(refused?.infoRequestId).toBe(refused?.requestId);
  });
});
