import { describe, expect, it } from '@jest/globals';
import { PriceList } from './catalogue.js';

type Json = Record<string, unknown>;
const bundled = () => structuredClone(PriceList.bundled().all) as unknown as Json[];

/** The bundled price list with something changed, by path. */
function changed(path: string, value: unknown): Json[] {
  const versions = bundled();
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<Json>((node, name) => node[name] as Json, versions as unknown as Json);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return versions;
}

const next = (change: Json): Json[] => [
  ...bundled(),
  { ...structuredClone(bundled()[0]), version: 'next', effectiveFrom: '2027-01-01T00:00:00Z', ...change },
];

describe('the linter of price lists', () => {
  it('finds nothing wrong with the bundled one', () => {
    expect(PriceList.check(bundled(), PriceList.bundled()).findings).toEqual([]);
  });

  it('finds nothing wrong with an enterprise row of your own, which can then be taken', () => {
    const { plans } = PriceList.bundled().newest;
    const { prices, findings } = PriceList.check(
      changed('0.plans.acme-enterprise', { ...plans['team-growth'], name: 'Acme', priceCents: 20_000, seats: { min: 50, max: 500 } }),
    );
    expect(findings).toEqual([]);
    expect(prices?.terms('acme-enterprise', 120, Date.now())).toMatchObject({ plan: 'acme-enterprise', seats: 120, seatTokens: 60_000 });
  });

  it.each([
    ['0.plans.artisan.grant.tokens', -1, 'error', 'shape'],
    ['0.plans.artisan.grant.tokens', 0.5, 'error', 'shape'],
    ['0.plans.artisan.priceCents', 29.99, 'error', 'shape'],
    ['0.plans.artisan.color', 'blue', 'error', 'shape'],
    ['0.compute', undefined, 'error', 'shape'],
    ['0.aliases.standard', 'studio', 'error', 'unknown_plan'],
    ['0.aliases.maestro', 'artisan', 'error', 'alias_hides_plan'],
    ['0.cancelledPlan', 'toString', 'error', 'unknown_plan'],
    ['0.cancelledPlan', 'artisan', 'error', 'cancelled_plan_costs'],
    ['0.plans.free.grant.bucket', 'fast', 'error', 'wrong_bucket'],
    ['0.plans.free.bankTokens', 5, 'error', 'daily_bank'],
    ['0.apiCredits', undefined, 'error', 'credits_not_sold'],
    ['0.apiCredits.packs.small', { name: 'Small', tokens: 1, priceCents: 1 }, 'error', 'pack_named_twice'],
    ['0.apiCredits.packs.api-large.priceCents', 90_000, 'warning', 'pack_dearer_than_smaller'],
    ['0.apiCredits.compute.defaultMilliTokens', 0, 'warning', 'model_costs_nothing'],
    ['0.motion.tokensMin', 61, 'error', 'motion_bounds'],
    ['0.plans.artisan.apiTrack', 'cash', 'error', 'shape'],
    ['0.plans.artisan.isPaid', false, 'error', 'paid_plan_frozen'],
    ['0.plans.artisan.seats', { min: 5, max: 2 }, 'error', 'no_seats'],
    ['0.plans.artisan.bankTokens', 10, 'warning', 'bank_below_allowance'],
    ['0.plans.artisan.limits.concurrentJobs', 0, 'warning', 'no_job_limit'],
    ['0.paymentGraceDays', -1, 'error', 'shape'],
    ['0.paymentGraceDays', 0, 'warning', 'no_payment_grace'],
    ['0.paymentGraceDays', 29, 'warning', 'long_payment_grace'],
    ['0.packs.large.priceCents', 9_000, 'warning', 'pack_dearer_than_smaller'],
    ['0.compute.milliTokensByModel.mosaic-3d', 0, 'warning', 'model_costs_nothing'],
  ])('finds %s = %p to be an %s: %s', (path, value, severity, code) => {
    const { findings } = PriceList.check(changed(path, value));
    expect(findings.map((finding) => [finding.severity, finding.code])).toContainEqual([severity, code]);
  });

  it('takes a new version after the one in use', () => {
    expect(PriceList.check(next({}), PriceList.bundled()).findings).toEqual([]);
  });

  it.each([
    ['a version in use is gone', next({}).slice(1), 'version_removed'],
    ['a version in use was changed', changed('0.plans.artisan.priceCents', 1), 'version_changed'],
    [
      'a plan is gone that accounts may be on',
      next({ plans: { free: PriceList.bundled().all[0]?.plans['free'] }, aliases: {} }),
      'plan_removed',
    ],
    ['a later version has no date', next({ effectiveFrom: undefined }), 'no_effective_date'],
    [
      'dates run backwards',
      [...next({}), { ...next({})[1], version: 'after', effectiveFrom: '2026-12-31T00:00:00Z' }],
      'dates_out_of_order',
    ],
    ['two versions have one name', [...bundled(), ...bundled()], 'shape'],
    ['there is none', [], 'shape'],
    ['it is no list', 'rubbish', 'shape'],
  ])('says so when %s', (_, json, code) => {
    expect(PriceList.check(json, PriceList.bundled()).findings.map((finding) => finding.code)).toContain(code);
  });

  it('keeps billing from starting on an error, not on a warning', () => {
    expect(() => PriceList.parse(changed('0.cancelledPlan', 'nowhere'))).toThrow(/cancelledPlan/);
    expect(PriceList.parse(changed('0.plans.artisan.bankTokens', 10)).newest.version).toBe('2026-11-01');
  });
});
