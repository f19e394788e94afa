import { capabilities, capabilityOfKind, type Capability } from '@tessera/plans/gate.js';
import type { PriceList } from './catalogue.js';
import type { Catalogue, Plan } from './catalogue-schema.js';
import type { ComputeSpec } from './quote.js';

/** What a plan does not include, and the cheapest plan that does; absent: none that is sold. */
export type Forbidden = { readonly capability: Capability; readonly plan?: string; readonly planName?: string };
export type Entitlements = {
  readonly planName: string;
  readonly forbidden: readonly Forbidden[];
  readonly relaxedKinds: readonly string[];
  readonly storedBytesMax: number;
  readonly datasetPicturesMax: number;
};

/** The installation's own plan: nobody can take it, so no refusal names it. */
const ownerPlan = 'owner';

const includes: Readonly<Record<Capability, (plan: Plan) => boolean>> = {
  api: ({ hasApi }) => hasApi,
  characters: ({ hasCharacters }) => hasCharacters,
  motion: ({ motion }) => motion !== 'none',
  training: ({ hasTraining }) => hasTraining,
  private_pictures: ({ hasPrivatePictures }) => hasPrivatePictures,
};

/** By the catalogue that counts now, as limits are: what changed for a plan holds for its accounts. */
export const entitlementsAt = (prices: PriceList, plan: string, nowMs: number): Entitlements =>
  entitlementsOf(prices.at(nowMs), prices.plan(plan, nowMs));

function entitlementsOf(catalogue: Catalogue, plan: Plan): Entitlements {
  const refused = capabilities.filter((capability) => catalogue.gates.includes(capability) && !includes[capability](plan));
  return {
    planName: plan.name,
    forbidden: refused.map((capability) => ({ capability, ...cheapestWith(catalogue, includes[capability]) })),
    relaxedKinds: plan.relaxed,
    storedBytesMax: catalogue.gates.includes('storage') ? plan.storedBytes : 0,
    datasetPicturesMax: plan.datasetPictures,
  };
}

/** The plan's name, and that of the cheapest one with which token packs are sold; empty: none that is sold. */
export function namesForTopUps(prices: PriceList, plan: string, nowMs: number): { readonly plan: string; readonly withPacks: string } {
  return { plan: prices.plan(plan, nowMs).name, withPacks: cheapestWith(prices.at(nowMs), ({ isPaid }) => isPaid).planName ?? '' };
}

/** By what a month costs with as few seats as the plan is sold with. */
function cheapestWith({ plans }: Catalogue, hasIt: (plan: Plan) => boolean): Pick<Forbidden, 'plan' | 'planName'> {
  const monthCents = ({ priceCents, seats }: Plan) => priceCents * seats.min;
  const [cheapest] = Object.entries(plans)
    .filter(([id, plan]) => id !== ownerPlan && hasIt(plan))
    .sort(([, a], [, b]) => monthCents(a) - monthCents(b));
  return cheapest ? { plan: cheapest[0], planName: cheapest[1].name } : {};
}

/** What a plan must include for a job to be taken on. */
export function capabilitiesOf(compute: ComputeSpec): Capability[] {
  if (compute.kind === 'generic') return [];
  const ofKind = compute.kind === undefined ? undefined : capabilityOfKind(compute.kind);
  return [...(ofKind ? [ofKind] : []), ...(compute.surcharges.includes('character_reference') ? (['characters'] as const) : [])];
}
