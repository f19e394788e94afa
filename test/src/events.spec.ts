import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';
import { openEvents, type EventStream } from './sse.js';

const api = '/api/rest/v1';
const apple = { prompt: 'a red apple', width: 512, height: 512, num_inference_steps: 10, num_images: 1 };

/** One stream of everything that happens to an account, through the services that really run. */
describe.each(Object.entries(profiles))('The events of an account, %s', (_name, start) => {
  let server: Running;
  let owner: Client;
  const streams: EventStream[] = [];

  beforeAll(async () => {
    server = await start({ dataDir: await newDataDir(), engine: 'noop' });
    owner = new Client(server);
  }, 90_000);
  afterAll(async () => {
    await Promise.all(streams.map((stream) => stream.close()));
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const open = async (client: Client, after = '') => {
    const stream = await openEvents(client, after);
    streams.push(stream);
    return stream;
  };
  const tenant = async () => {
    const accountId = String((await owner.call('POST', `${api}/accounts`, { plan: 'artisan' })).body['accountId']);
    return new Client(
      server,
      String((await owner.call('POST', `${api}/keys`, { name: 'theirs' }, { 'tessera-account': accountId })).body['key']),
    );
  };
  const hasEnded =
    (jobId: string) =>
    ({ event, data }: { event: string; data: any }) =>
      event === 'generation' && data.id === jobId && data.status === 'COMPLETE';

  it('tells a job from its beginning to its settled price', async () => {
    const client = await tenant();
    const stream = await open(client);
    await stream.until(({ event }) => event === 'caught_up');
    const { balanceTokens } = await client.account();
    const jobId = await client.create(apple);
    const told = await stream.until(hasEnded(jobId));
    expect(told.at(-1)?.data).toEqual(await withoutLinks(client, jobId, told.at(-1)?.data));
    const { chargedTokens } = await client.bill(jobId);
    const isSettled = ({ event, data }: { event: string; data: any }) =>
      event === 'balance' && data.openHolds === 0 && data.balanceTokens === balanceTokens - chargedTokens;
    if (!told.some(isSettled)) await stream.until(isSettled);
  });

  it('misses nothing that happened while nobody listened, and repeats nothing else', async () => {
    const client = await tenant();
    const first = await open(client);
    const before = await client.create(apple);
    const lastSeen = (await first.until(hasEnded(before))).at(-1)?.id ?? '';
    await first.close();
    // Only what changed shortly before the last event seen may come again.
    await new Promise((later) => setTimeout(later, 3_000));
    const between = await client.create(apple);
    await client.finished(between);
    const removed = await client.create(apple);
    await client.finished(removed);
    await client.call('DELETE', `${api}/generations/${removed}`);
    const resumed = await open(client, lastSeen);
    const missed = (await resumed.until(({ event }) => event === 'caught_up')).filter(({ event }) => event === 'generation');
    expect(missed.filter(({ data }) => data.id !== before).map(({ data }) => [data.id, data.status])).toEqual([[between, 'COMPLETE']]);
    const after = await open(client, missed.at(-1)?.id);
    const again = (await after.until(({ event }) => event === 'caught_up')).filter(({ event }) => event === 'generation');
    expect(again.map(({ data }) => data.id)).not.toContain(before);
  });

  it('tells an account nothing of another', async () => {
    const [one, two] = [await tenant(), await tenant()];
    const [ofOne, ofTwo] = [await open(one), await open(two)];
    const [jobOfOne, jobOfTwo] = [await one.create(apple), await two.create(apple)];
    const told = [...(await ofOne.until(hasEnded(jobOfOne))), ...(await ofTwo.until(hasEnded(jobOfTwo)))];
    const idsIn = (events: typeof told) =>
      new Set(events.flatMap(({ event, data }) => (['generation', 'progress', 'removed'].includes(event) ? [data.id] : [])));
    expect(idsIn(told.filter(({ stream }) => stream === ofOne))).toEqual(new Set([jobOfOne]));
    expect(idsIn(told.filter(({ stream }) => stream === ofTwo))).toEqual(new Set([jobOfTwo]));
  });

  it('holds nobody up when a reader stands still, and tells it every end when it reads on', async () => {
    const stalled = await open(owner);
    const jobIds = await Promise.all(Array.from({ length: 20 }, () => owner.create({ ...apple, num_images: 4 })));
    await Promise.all(jobIds.map((jobId) => owner.finished(jobId)));
    const left = new Set(jobIds);
    await stalled.until((event) => {
      if (event.event === 'generation' && event.data.status === 'COMPLETE') left.delete(event.data.id);
      return left.size === 0;
    });
  });
});

/** A read, with the links of another one: they are signed anew each time. */
async function withoutLinks(client: Client, jobId: string, told: any): Promise<object> {
  const { generations_by_pk: read } = (await client.call('GET', `${api}/generations/${jobId}`)).body as {
    generations_by_pk: { generated_images: { url: string }[] };
  };
  return { ...read, generated_images: read.generated_images.map((image, at) => ({ ...image, url: told.generated_images[at].url })) };
}
