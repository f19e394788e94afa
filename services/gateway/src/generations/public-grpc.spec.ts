import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  TesseraService,
  type CreateGenerationResponse,
  type GetGenerationResponse,
  type WatchGenerationResponse,
} from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { paramInGrpc } from '../grpc-params.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';

type Call = (request: object, metadata: Metadata, done: (error: ServiceError | null, reply: never) => void) => void;

describe('the public gRPC API', () => {
  let gateway: OpenGateway;
  let client: InstanceType<ReturnType<typeof makeGenericClientConstructor>>;
  beforeAll(async () => {
    gateway = await openGateway();
    const Client = makeGenericClientConstructor(packageDefinition([TesseraService])[TesseraService.typeName] as never, 'Tessera');
    client = new Client(gateway.grpcAddress, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await gateway.close();
  });

  const withKey = (key = gateway.key, more: Record<string, string> = {}) => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries({ authorization: `Bearer ${key}`, ...more })) metadata.set(name, value);
    return metadata;
  };
  const call = <T>(method: string, request: object, metadata = withKey()) =>
    new Promise<T>((resolve, reject) => {
      (client[method] as unknown as Call).call(client, request, metadata, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  const create = (more: Record<string, string> = {}) =>
    call<CreateGenerationResponse>('CreateGeneration', { request: { prompt: 'a red apple', images: 1 } }, withKey(gateway.key, more));

  it('creates a generation, with an idempotency key from the metadata', async () => {
    const [first, second] = [await create({ 'idempotency-key': 'g' }), await create({ 'idempotency-key': 'g' })];
    expect(first.quote?.totalTokens).toBe(8n);
    expect(second.generation?.jobId).toBe(first.generation?.jobId);
  });

  it('has something done with a picture, and names the field that a refusal is about', async () => {
    const { generation: painted } = await call<GetGenerationResponse>('GetGeneration', { jobId: (await create()).generation?.jobId ?? '' });
    const operation = { assetId: painted?.pictures[0]?.imageId, kind: { case: 'upscale', value: { factor: 4 } } };
    const { generation } = await call<CreateGenerationResponse>('CreateGeneration', { request: { operation } });
    expect(generation?.request?.operation).toMatchObject(operation);
    for (const [param, field] of [
      ['asset_id', 'request.operation.asset_id'],
      ['factor', 'request.operation.upscale.factor'],
      ['operation', 'request.operation'],
    ] as const)
      expect(paramInGrpc(TesseraService.method.createGeneration, param)).toBe(field);
  });

  it('links the pictures of a finished one', async () => {
    const { generation } = await create();
    expect(await call('GetGeneration', { jobId: generation?.jobId ?? '' })).toMatchObject({
      generation: { pictures: [{ url: expect.stringMatching(/^http:/) }] },
    });
  });

  it('watches one to its end', async () => {
    const { generation } = await create();
    const stream = (
      client['WatchGeneration'] as unknown as (request: object, metadata: Metadata) => AsyncIterable<WatchGenerationResponse>
    ).call(client, { jobId: generation?.jobId ?? '' }, withKey());
    const cases: (string | undefined)[] = [];
    for await (const { event } of stream) cases.push(event.case);
    expect(cases).toEqual(['generation', 'progress', 'preview', 'generation']);
  });

  it('refuses a wrong key and an id that is none', async () => {
    await expect(call('GetAccount', {}, withKey('nobody'))).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await expect(call('GetGeneration', { jobId: '../x' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('tells account, models, lists and bills', async () => {
    const { generation } = await create();
    expect(await call('GetAccount', {})).toMatchObject({ account: { plan: 'owner' } });
    expect(await call('ListModels', {})).toMatchObject({ models: [{ modelId: 'mosaic-3d' }] });
    expect(await call('ListGenerations', {})).toMatchObject({ generations: expect.arrayContaining([expect.anything()]) });
    expect(await call('GetBill', { jobId: generation?.jobId ?? '' })).toMatchObject({ bill: { chargedTokens: 8n } });
  });
});
