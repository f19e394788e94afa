import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AssetMarkedSchema } from '@tessera/contracts/tessera/storage/v1/events_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';

const forever = { fromMs: 0, toMs: 0 };

describe('what a picture costs', () => {
  let billing: TestBilling;
  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'artisan');
    billing.acceptedPictures.onModuleInit();
    await billing.bus.start();
  });
  afterEach(() => billing.close());

  const charge = async (jobId: string, images: number) => {
    await billing.reservations.reserve('acme', jobId, { ...twoPictures, images, superResolution: false }, billing.clock.now() + hourMs);
    await billing.reservations.settle('acme', jobId, images);
    billing.generation.add(jobId, images, billing.clock.now(), { assetIds: Array.from({ length: images }, (_, n) => `${jobId}-${n}`) });
  };
  const mark = async (assetId: string, isAccepted: boolean, markedMs = 1n) => {
    const [jobId = ''] = assetId.split('-');
    await billing.installation.documents.commit(
      [],
      [outgoingEvent(AssetMarkedSchema, assetId, { assetId, accountId: 'acme', jobId, isAccepted, markedMs })],
    );
    await billing.bus.drain();
  };

  it('is its share of its job, and the shares add up to the token', async () => {
    await charge('job', 3);
    const { rows, total } = await billing.usage.by('acme', 'asset', forever);
    expect(rows.map(({ key, tokens }) => [key, tokens])).toEqual([
      ['job-0', 3],
      ['job-1', 3],
      ['job-2', 3],
    ]);
    await charge('odd', 7);
    const shares = (await billing.usage.by('acme', 'asset', forever)).rows.filter(({ key }) => key.startsWith('odd'));
    expect(Math.max(...shares.map(({ tokens }) => tokens)) - Math.min(...shares.map(({ tokens }) => tokens))).toBeLessThanOrEqual(1);
    const { totals } = await billing.store.summary('acme');
    expect((await billing.usage.by('acme', 'asset', forever)).rows.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(totals.spent);
    expect(total).toMatchObject({ jobs: 1, imagesDelivered: 3, tokens: 9 });
  });

  it('is told for each accepted picture: marked, unmarked, and marked again', async () => {
    await charge('job', 2);
    await mark('job-1', true);
    const accepted = async () => (await billing.usage.by('acme', 'project', forever)).total.imagesAccepted;
    expect(await accepted()).toBe(1);
    expect((await billing.usage.by('acme', 'asset', forever)).rows.map(({ key, imagesAccepted }) => [key, imagesAccepted])).toEqual([
      ['job-0', 0],
      ['job-1', 1],
    ]);
    await mark('job-1', false, 2n);
    expect(await accepted()).toBe(0);
    await mark('job-1', true, 1n);
    expect(await accepted()).toBe(0);
  });

  it('comes back with a reversal, picture by picture', async () => {
    await charge('job', 2);
    await billing.accounts.reverse('acme', 'close:job');
    const { rows, total } = await billing.usage.by('acme', 'asset', forever);
    expect([rows.map(({ tokens }) => tokens), total.tokens, total.jobs]).toEqual([[0, 0], 0, 1]);
  });

  it('is summed up in one row where the pictures are forgotten', async () => {
    await charge('job', 2);
    billing.generation.outcomes.clear();
    expect((await billing.usage.by('acme', 'asset', forever)).rows).toEqual([
      { key: '', jobs: 1, imagesDelivered: 2, imagesAccepted: 0, tokens: 6 },
    ]);
  });
});
