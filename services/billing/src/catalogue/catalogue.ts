import { readFileSync } from 'node:fs';
import { lint, schemaFindings, type LintFinding } from './catalogue-lint.js';
import { priceListSchema, type Catalogue, type Pack, type Plan } from './catalogue-schema.js';
import { creditsNotSold, invalidSeats, unknownCatalogue, unknownPack, unknownPlan } from '../errors.js';
import type { PriceTable } from './quote.js';
import type { Terms } from '../ledger/terms.js';
import type { Wallet } from '../wallets.js';

/** Every catalogue that ever had a price: the newest quotes, the older ones settle what was quoted at them. */
export class PriceList {
  /** Oldest first. Throws when a price list makes no sense, so that a service with a broken one never starts. */
  constructor(private readonly versions: readonly Catalogue[]) {}

  static parse(json: unknown): PriceList {
    const { prices, findings } = PriceList.check(json);
    const [worst] = findings.filter(({ severity }) => severity === 'error');
    if (!prices || worst)
      throw new Error(`The price list makes no sense${worst ? ` at ${worst.path || 'its root'}: ${worst.message}` : '.'}`);
    return prices;
  }

  /** All that is wrong or odd; the price list when it is at least well formed. */
  static check(json: unknown, inUse?: PriceList): { readonly prices?: PriceList; readonly findings: readonly LintFinding[] } {
    const parsed = priceListSchema.safeParse(json);
    if (!parsed.success) return { findings: schemaFindings(parsed.error) };
    return { prices: new PriceList(parsed.data), findings: lint(parsed.data, inUse?.versions) };
  }

  /** The operator's own file, or the bundled one. */
  static open(file: string | undefined): PriceList {
    return file === undefined ? PriceList.bundled() : PriceList.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  static bundled(): PriceList {
    return PriceList.parse(JSON.parse(readFileSync(new URL('./catalogue.json', import.meta.url), 'utf8')));
  }

  /** The newest catalogue whose time has come. */
  at(nowMs: number): Catalogue {
    const found =
      this.versions.findLast(({ effectiveFrom }) => effectiveFrom === undefined || Date.parse(effectiveFrom) <= nowMs) ?? this.versions[0];
    if (!found) throw new Error('A price list has at least one catalogue.');
    return found;
  }

  /** As it stands in a file. */
  get all(): readonly Catalogue[] {
    return this.versions;
  }

  /** The last one, whether its time has come or not. */
  get newest(): Catalogue {
    const found = this.versions.at(-1);
    if (!found) throw new Error('A price list has at least one catalogue.');
    return found;
  }

  version(version: string): Catalogue {
    const found = this.versions.find((catalogue) => catalogue.version === version);
    if (!found) throw unknownCatalogue(version);
    return found;
  }

  /** Limits are looked up by their present terms: what changed for a plan holds for its accounts. */
  plan(plan: string, nowMs: number): Plan {
    return planNamed(this.at(nowMs), plan).plan;
  }

  /** What a plan promises today; an account keeps the promise until its terms are written anew. */
  terms(plan: string, seats: number | undefined, nowMs: number): Terms {
    return termsOf(this.at(nowMs), plan, seats);
  }

  /** Of tokens or of credits: no name stands for both. */
  pack(pack: string, nowMs: number): Pack & { readonly wallet: Wallet } {
    const { packs, apiCredits } = this.at(nowMs);
    const found = packNamed(packs, pack);
    if (found) return { ...found, wallet: 'plan' };
    const ofCredits = apiCredits && packNamed(apiCredits.packs, pack);
    if (!ofCredits) throw unknownPack(pack);
    return { ...ofCredits, wallet: 'credits' };
  }
}

const packNamed = (packs: Readonly<Record<string, Pack>>, pack: string): Pack | undefined =>
  Object.hasOwn(packs, pack) ? packs[pack] : undefined;

/** What work costs in a wallet. FailedPrecondition `credits_not_sold`. */
export function pricesIn({ version, apiCredits, ...prices }: Catalogue, wallet: Wallet): PriceTable {
  if (wallet === 'plan') return { ...prices, version, wallet };
  if (!apiCredits) throw creditsNotSold();
  return { ...apiCredits, version, wallet };
}

function planNamed({ plans, aliases }: Catalogue, asked: string): { id: string; plan: Plan } {
  const id = (Object.hasOwn(aliases, asked) ? aliases[asked] : undefined) ?? asked;
  const plan = Object.hasOwn(plans, id) ? plans[id] : undefined;
  if (!plan) throw unknownPlan(asked);
  return { id, plan };
}

/** The fewest seats that a plan is sold with when none are named. */
export function termsOf(catalogue: Catalogue, asked: string, wanted?: number): Terms {
  const { id, plan } = planNamed(catalogue, asked);
  const seats = wanted ?? plan.seats.min;
  if (!Number.isInteger(seats) || seats < plan.seats.min || seats > plan.seats.max) throw invalidSeats(plan.seats.min, plan.seats.max);
  return {
    plan: id,
    catalogueVersion: catalogue.version,
    cadence: plan.cadence,
    seats,
    seatsMin: plan.seats.min,
    membersMax: seats * plan.membersPerSeat,
    seatTokens: plan.grant.tokens,
    seatBankTokens: plan.bankTokens,
    isPaid: plan.isPaid,
    hasRelaxedLane: plan.relaxed.includes('image'),
    ...(plan.relaxed.includes('motion') ? { hasRelaxedMotion: true as const } : {}),
  };
}
