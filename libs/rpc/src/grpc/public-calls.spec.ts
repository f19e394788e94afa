import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerErrorResponse,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@tessera/contracts/google/rpc/error_details_pb.js';
import { StatusSchema } from '@tessera/contracts/google/rpc/status_pb.js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { CatalogueService } from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import { invalidArgument, resourceExhausted, type TesseraError, unauthenticated } from '@tessera/platform/errors.js';
import { createLogger } from '@tessera/platform/logger.js';
import { toWireStatus } from '../error-metadata.js';
import { packageDefinition } from '../package-definition.js';
import { publicCalls, requestIdKey } from './public-calls.js';

const bytes = (buffer: Buffer): Buffer => buffer;

/** Billing is public here, its economy is not. */
describe('calls from the outside world', () => {
  let server: Server;
  let client: Client;
  let refusal: TesseraError | undefined;
  let seenTraceparent: string | undefined;

  beforeEach(async () => {
    const answer = ({ metadata }: { metadata: Metadata }, done: sendUnaryData<object>) => {
      seenTraceparent = metadata.get('traceparent')[0]?.toString();
      if (refusal) done(toWireStatus(refusal) as Partial<ServerErrorResponse>);
      else done(null, {});
    };
    const mayCall = async (authorization: string | undefined) => {
      if (authorization === 'wrong') throw unauthenticated('wrong_key', 'This API key is not known.');
    };
    const paramOf = (_: unknown, param: string) => (param === 'inner' ? 'outer.field' : undefined);
    server = new Server({ interceptors: [publicCalls([BillingService], paramOf, mayCall, createLogger('silent', 'test'))] } as object);
    const definitions = packageDefinition([BillingService, CatalogueService]);
    server.addService(definitions[BillingService.typeName] as never, { GetAccount: answer });
    server.addService(definitions[CatalogueService.typeName] as never, { ListPlans: answer });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    refusal = undefined;
  });
  afterEach(() => {
    client.close();
    server.forceShutdown();
  });

  const call = (method: string, metadata = new Metadata()) =>
    new Promise<{ code: number; trailers: Metadata }>((resolve) => {
      const made = client.makeUnaryRequest(method, bytes, bytes, Buffer.alloc(0), metadata, (_: ServiceError | null) => {});
      made.on('status', ({ code, metadata: trailers }) => resolve({ code, trailers }));
    });
  const account = `/${BillingService.typeName}/GetAccount`;

  it('refuses who may not call before the call is read, with the request id and details of every refusal', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'wrong');
    const { code, trailers } = await call(account, metadata);
    expect(code).toBe(status.UNAUTHENTICATED);
    expect(trailers.get(requestIdKey)[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(trailers.get('grpc-status-details-bin')).toHaveLength(1);
    expect(seenTraceparent).toBeUndefined();
  });

  const detailsOf = (trailers: Metadata) => fromBinary(StatusSchema, trailers.get('grpc-status-details-bin')[0] as Uint8Array);

  it('are told the reason and when to come back', async () => {
    refusal = resourceExhausted('queue_full', 'Later.', { retryAfterMs: 1500 });
    const { code, trailers } = await call(account);
    const { code: detailCode, message, details } = detailsOf(trailers);
    expect([code, detailCode, message]).toEqual([status.RESOURCE_EXHAUSTED, status.RESOURCE_EXHAUSTED, 'Later.']);
    expect(anyUnpack(details[0]!, ErrorInfoSchema)).toMatchObject({
      reason: 'QUEUE_FULL',
      domain: 'tessera',
      metadata: { type: 'queue_full', retryable: 'true', doc: '/docs/errors/queue_full' },
    });
    expect(anyUnpack(details[1]!, RetryInfoSchema)?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  });

  it('are told the field under the name that they know', async () => {
    refusal = invalidArgument('invalid_field', 'No.', { param: 'inner' });
    const { details } = detailsOf((await call(account)).trailers);
    expect(details.map((detail) => anyUnpack(detail, BadRequestSchema)).find(Boolean)?.fieldViolations).toMatchObject([
      { field: 'outer.field', description: 'No.', reason: 'INVALID_FIELD' },
    ]);
  });

  it('are told no field that they cannot know', async () => {
    refusal = invalidArgument('invalid_field', 'No.', { param: 'secret' });
    const { trailers } = await call(account);
    expect(
      detailsOf(trailers)
        .details.map((detail) => anyUnpack(detail, BadRequestSchema))
        .find(Boolean),
    ).toBeUndefined();
    expect(trailers.get('tessera-param')).toEqual([]);
  });

  it('belong to a trace, which names them: theirs, or one that is begun for them', async () => {
    const begun = (await call(account)).trailers.get('x-request-id')[0];
    expect(seenTraceparent?.split('-')[1]).toBe(begun);
    const metadata = new Metadata();
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    expect((await call(account, metadata)).trailers.get('x-request-id')).toEqual(['0af7651916cd43dd8448eb211c80319c']);
  });

  it('are the only ones that carry all this', async () => {
    refusal = invalidArgument('invalid_field', 'No.', { param: 'inner' });
    const { trailers } = await call(`/${CatalogueService.typeName}/ListPlans`);
    expect(trailers.get('tessera-param')).toEqual(['inner']);
    expect([...trailers.get('x-request-id'), ...trailers.get('grpc-status-details-bin')]).toEqual([]);
  });
});
