import { credentials, makeGenericClientConstructor, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TesseraService, type WatchEventsResponse } from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { JobState, type WatchResponseSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { packageDefinition } from '@tessera/rpc/package-definition.js';
import { openGateway, type OpenGateway } from '../gateway.fixture.js';
import { EventReader } from './events.fixture.js';
import { streamsPerAccountMax } from './open-streams.js';

const api = '/api/rest/v1';

describe('the events of an account', () => {
  let gateway: OpenGateway;
  const readers: EventReader[] = [];
  beforeAll(async () => {
    gateway = await openGateway();
  });
  afterEach(async () => {
    gateway.services.accountUpdates = [];
    await Promise.all(readers.splice(0).map((reader) => reader.close()));
    await untilNobodyWatches();
  });
  afterAll(() => gateway.close());

  const untilNobodyWatches = async () => {
    while (gateway.services.watchers > 0) await new Promise(setImmediate);
  };
  const open = async (query = '', headers: Record<string, string> = {}) => {
    const answer = await gateway.fetch(`${api}/events${query}`, { headers });
    if (!answer.ok) throw new Error(await answer.text());
    const reader = new EventReader(answer);
    readers.push(reader);
    return reader;
  };
  const create = async () => {
    const answer = await gateway.fetch(`${api}/generations`, { method: 'POST', body: '{"prompt":"a red apple"}' });
    return ((await answer.json()) as { sdGenerationJob: { generationId: string } }).sdGenerationJob.generationId;
  };
  const updatesOf = (jobId: string): MessageInitShape<typeof WatchResponseSchema>[] => [
    {
      sequence: 'c1',
      jobId,
      event: { case: 'job', value: { ...gateway.services.jobs.get(jobId)!, state: JobState.RUNNING, outputs: [] } },
    },
    { sequence: 'c1', jobId, event: { case: 'progress', value: { step: 1, steps: 2 } } },
    {
      sequence: 'c1',
      jobId,
      event: { case: 'preview', value: { index: 0, step: 1, contentType: 'image/webp', data: new Uint8Array([1, 2, 3]) } },
    },
    { sequence: 'c2', jobId, event: { case: 'job', value: gateway.services.jobs.get(jobId)! } },
    { sequence: 'c2', jobId, event: { case: 'removed', value: {} } },
  ];
  const isFigure = ({ type }: { type: string }) => ['balance', 'queue'].includes(type);

  it('tells what happens to generations in the words of a read', async () => {
    const id = await create();
    gateway.services.accountUpdates = updatesOf(id);
    const events = await (await open()).until(({ type }) => type === 'caught_up');
    expect(events.filter((event) => !isFigure(event))).toEqual([
      { id: 'c1', type: 'generation', data: expect.objectContaining({ id, status: 'PENDING' }) },
      { id: 'c1', type: 'progress', data: { id, step: 1, steps: 2 } },
      {
        id: 'c2',
        type: 'generation',
        data: ((await (await gateway.fetch(`${api}/generations/${id}`)).json()) as { generations_by_pk: object }).generations_by_pk,
      },
      { id: 'c2', type: 'removed', data: { id } },
      { id: 'c9', type: 'caught_up', data: {} },
    ]);
  });

  it('sends previews to those who ask', async () => {
    const id = await create();
    gateway.services.accountUpdates = updatesOf(id);
    const events = await (await open('?previews=true')).until(({ type }) => type === 'caught_up');
    expect(events.filter(({ type }) => type === 'preview')).toEqual([
      {
        id: 'c1',
        type: 'preview',
        data: { id, index: 0, step: 1, contentType: 'image/webp', data: Buffer.from([1, 2, 3]).toString('base64') },
      },
    ]);
  });

  it('leaves out jobs that are no generations', async () => {
    const id = await create();
    gateway.services.accountUpdates = [
      { sequence: 'c1', jobId: id, event: { case: 'job', value: { ...gateway.services.jobs.get(id)!, kind: 'probe' } } },
    ];
    const events = await (await open()).until(({ type }) => type === 'caught_up');
    expect(events.filter((event) => !isFigure(event)).map(({ type }) => type)).toEqual(['caught_up']);
  });

  it.each([
    ['the header', { 'last-event-id': 'c7' }, ''],
    ['the query', {}, '?after=c7'],
  ])('resumes after the event that %s names', async (_name, headers, query) => {
    await (await open(query, headers as Record<string, string>)).next();
    expect(gateway.services.watchedAfter.at(-1)).toBe('c7');
  });

  it('begins with balance and queue, and tells a top-up', async () => {
    const reader = await open();
    const seen = new Set<string>();
    const [first] = (await reader.until(({ type }) => seen.add(type).has('balance') && seen.has('queue'))).filter(
      ({ type }) => type === 'balance',
    ) as { data: { balanceTokens: number } }[];
    const topUp = async (tokens: number) => gateway.fetch(`${api}/account/topup`, { method: 'POST', body: JSON.stringify({ tokens }) });
    await topUp(7);
    expect((await reader.until(({ type }) => type === 'balance')).at(-1)).toMatchObject({
      data: { balanceTokens: first!.data.balanceTokens + 7 },
    });
  });

  it('ends when the client goes away, and when the key is revoked', async () => {
    const made = (await (await gateway.fetch(`${api}/keys`, { method: 'POST', body: '{"name":"short"}' })).json()) as {
      id: string;
      key: string;
    };
    const reader = await open('', { authorization: `Bearer ${made.key}` });
    await reader.next();
    expect(gateway.services.watchers).toBe(1);
    await gateway.fetch(`${api}/keys/${made.id}`, { method: 'DELETE' });
    while (await reader.next());
    await untilNobodyWatches();
    const left = await open();
    await left.next();
    await left.close();
    await untilNobodyWatches();
  });

  it('refuses more streams than an account may have, and takes another when one has ended', async () => {
    for (let count = 0; count < streamsPerAccountMax; count++) await open();
    const refused = await gateway.fetch(`${api}/events`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await refused.json()).toMatchObject({ type: 'too_many_streams' });
    await readers.pop()!.close();
    while (gateway.services.watchers === streamsPerAccountMax) await new Promise(setImmediate);
    await open();
  });

  it('says the same over gRPC', async () => {
    const id = await create();
    gateway.services.accountUpdates = updatesOf(id);
    const Client = makeGenericClientConstructor(packageDefinition([TesseraService])[TesseraService.typeName] as never, 'Tessera');
    const client = new Client(gateway.grpcAddress, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${gateway.key}`);
    const stream = (
      client['WatchEvents'] as unknown as (
        request: object,
        metadata: Metadata,
      ) => AsyncIterable<WatchEventsResponse> & { cancel(): void; on(event: 'error', listener: (error: ServiceError) => void): void }
    ).call(client, { withPreviews: true }, metadata);
    const cases: (string | undefined)[] = [];
    for await (const { event, jobId } of stream) {
      if (event.case === 'balance' || event.case === 'queue') continue;
      expect(jobId).toBe(event.case === 'caughtUp' ? '' : id);
      cases.push(event.case);
      if (event.case === 'caughtUp') break;
    }
    client.close();
    expect(cases).toEqual(['generation', 'progress', 'preview', 'generation', 'removed', 'caughtUp']);
    await untilNobodyWatches();
  });
});
