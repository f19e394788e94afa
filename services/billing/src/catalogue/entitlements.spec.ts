import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { PriceList } from './catalogue.js';
import { entitlementsAt } from './entitlements.js';
import type { ComputeSpec } from './quote.js';

const [bundled] = PriceList.bundled().all;
if (!bundled) throw new Error('There is a bundled catalogue.');
const { free, artisan, ...otherPlans } = bundled.plans;
/** Everything that a catalogue may refuse is refused, and the free plan includes next to nothing. */
const strict = PriceList.parse([
  {
    ...bundled,
    gates: ['api', 'characters', 'motion', 'training', 'private_pictures', 'storage'],
    plans: {
      ...otherPlans,
      artisan,
      free: { ...free, hasCharacters: false, hasTraining: false, hasPrivatePictures: false, storedBytes: 1_000_000, datasetPictures: 12 },
    },
  },
]);

describe('what a plan includes', () => {
  it.each(Object.keys(bundled.plans))('is everything on the plan %s, as long as the catalogue does not say what it refuses', (plan) => {
    expect(entitlementsAt(PriceList.bundled(), plan, 0)).toMatchObject({ forbidden: [], storedBytesMax: 0 });
  });

  it('is read by a catalogue as it was written before there was a gate', () => {
    const { gates: _, ...rest } = bundled;
    const plans = Object.fromEntries(
      Object.entries(bundled.plans).map(
        ([id, { hasTraining: __, hasCharacters: ___, hasPrivatePictures: ____, storedBytes: _____, datasetPictures: ______, ...plan }]) => [
          id,
          plan,
        ],
      ),
    );
    expect(entitlementsAt(PriceList.parse([{ ...rest, plans }]), 'free', 0).forbidden).toEqual([]);
  });

  it('names for everything that is refused the cheapest plan that has it, and never the plan of the owner', () => {
    expect(entitlementsAt(strict, 'free', 0)).toEqual({
      planName: 'Free',
      forbidden: [
        { capability: 'api', plan: 'api', planName: 'API only' },
        { capability: 'characters', plan: 'api', planName: 'API only' },
        { capability: 'motion', plan: 'api', planName: 'API only' },
        { capability: 'training', plan: 'api', planName: 'API only' },
        { capability: 'private_pictures', plan: 'api', planName: 'API only' },
      ],
      relaxedKinds: [],
      storedBytesMax: 1_000_000,
      datasetPicturesMax: 12,
    });
    expect(entitlementsAt(strict, 'owner', 0).forbidden).toEqual([]);
  });

  it('names the plan by its price with as many seats as it takes, and none where none has it', () => {
    const only = (plan: string, priceCents: number, min: number) => ({
      [plan]: { ...artisan, name: plan, priceCents, hasApi: true, seats: { min, max: 100 } },
    });
    const withPlans = (plans: object) =>
      PriceList.parse([{ ...bundled, gates: ['api'], plans: { owner: bundled.plans['owner'], free, ...plans }, aliases: {} }]);
    expect(entitlementsAt(withPlans({ ...only('team', 500, 3), ...only('single', 1_200, 1) }), 'free', 0).forbidden).toEqual([
      { capability: 'api', plan: 'single', planName: 'single' },
    ]);
    expect(entitlementsAt(withPlans({}), 'free', 0).forbidden).toEqual([{ capability: 'api' }]);
  });
});

describe('a job that the plan does not include', () => {
  let billing: TestBilling;
  beforeEach(async () => {
    billing = await openBilling(undefined, undefined, strict);
    await billing.accounts.open('acme', 'artisan');
    await billing.accounts.open('small', 'free');
  });
  afterEach(() => billing.close());

  const character: ComputeSpec = { ...twoPictures, surcharges: ['character_reference'] };
  const clip: ComputeSpec = { kind: 'motion', modelId: 'mosaic-3d', widthPx: 8, heightPx: 8, images: 1, surcharges: [] };
  const training: ComputeSpec = {
    kind: 'training',
    modelId: 'mosaic-3d',
    widthPx: 512,
    heightPx: 512,
    images: 1,
    epochs: 1,
    surcharges: [],
  };
  const reserve = (accountId: string, compute: ComputeSpec, jobId = 'job') =>
    billing.reservations.reserve(accountId, jobId, compute, billing.clock.now() + hourMs);

  it.each<[string, ComputeSpec, string]>([
    ['character references', character, 'characters'],
    ['motion', clip, 'motion'],
    ['trainings', training, 'training'],
  ])('is refused for %s, and the refusal names the plan that would allow it', async (what, compute, capability) => {
    await expect(reserve('small', compute)).rejects.toEqual(
      expect.objectContaining({
        kind: 'FailedPrecondition',
        reason: `plan_forbids_${capability}`,
        message: `The plan Free does not include ${what}; API only is the cheapest that does.`,
      }),
    );
    expect(await billing.accounts.get('small')).toMatchObject({ lastEntry: 1, totals: { held: 0 } });
    expect((await reserve('acme', compute)).bill.state).toBe('held');
  });

  it('does not stand in the way of plain pictures, whose answer says what is forbidden', async () => {
    const { bill, entitlements } = await reserve('small', twoPictures);
    expect(bill.state).toBe('held');
    expect(entitlements.forbidden.map(({ capability }) => capability)).toContain('characters');
  });

  it('keeps its hold when the plan has changed between two deliveries of the reservation', async () => {
    const { bill } = await reserve('acme', character);
    await billing.accounts.cancel('acme', 'cancelled');
    const renewsMs = (await billing.accounts.get('acme')).subscription?.renewsMs ?? 0;
    billing.clock.advance(renewsMs - billing.clock.now() - 1);
    await billing.reservations.reserve('acme', 'long', character, renewsMs + hourMs);
    billing.clock.advance(2);
    expect((await billing.accounts.get('acme')).plan).toBe('free');
    const again = await billing.reservations.reserve('acme', 'long', character, renewsMs + 2 * hourMs);
    expect(again.bill).toMatchObject({ state: 'held', heldTokens: bill.heldTokens });
    await expect(reserve('acme', character, 'new')).rejects.toEqual(expect.objectContaining({ reason: 'plan_forbids_characters' }));
  });
});
