import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { burnOrder } from '../ledger/buckets.js';
import { lint, schemaFindings, type LintFinding } from './catalogue-lint.js';
import { creditsNotSold, invalidSeats, unknownCatalogue, unknownPack, unknownPlan } from '../errors.js';
import type { PriceTable } from './quote.js';
import type { Terms } from '../ledger/terms.js';
import { wallets, type Wallet } from '../wallets.js';

const name = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/i);
const grantTokens = z.int().min(1).max(1_000_000_000_000);
const fewTokens = z.int().min(0).max(1_000_000);
/** Thousandths of a token: prices finer than a token without fractions. The ceiling keeps every price of the largest job far below 2^53. */
const milliTokens = z.int().min(0).max(1_000_000);
const limit = z.int().min(0).max(1_000_000);

/** Whole cents: money appears on price tags only, never in the ledger. */
const cents = z.int().min(0).max(100_000_000);

/** What a catalogue may forbid to plans. Plans say what they include either way; only what is named among a catalogue's `gates` is refused. */
export const gates = ['api', 'characters', 'motion', 'training', 'private_pictures', 'storage'] as const;
export type Gate = (typeof gates)[number];

const planSchema = z.strictObject({
  name: z.string().min(1),
  /** Of a month, for each seat. */
  priceCents: cents,
  cadence: z.enum(['monthly', 'daily', 'once']),
  /** What every cycle begins with, for each seat. */
  grant: z.strictObject({ bucket: z.enum(burnOrder), tokens: z.union([z.literal(0), grantTokens]) }),
  /** Cap of the rollover bank, for each seat. */
  bankTokens: z.int().min(0).max(1_000_000_000_000),
  /** May buy packs and spend what has rolled over. */
  isPaid: z.boolean(),
  /** What may wait in the relaxed lane, at no price, when the buckets cannot pay. */
  relaxed: z.array(z.enum(['image', 'motion'])),
  seats: z.strictObject({ min: z.int().min(1).max(1_000), max: z.int().min(1).max(1_000) }).default({ min: 1, max: 1 }),
  membersPerSeat: z.int().min(1).max(1_000).default(1),
  trainingsPerMonth: limit,
  storedModels: limit,
  hasApi: z.boolean(),
  motion: z.enum(['none', 'limited', 'full']),
  hasTraining: z.boolean().default(true),
  hasCharacters: z.boolean().default(true),
  hasPrivatePictures: z.boolean().default(true),
  /** 0 means unlimited. */
  storedBytes: z.int().min(0).default(0),
  /** What pays for jobs: the plan's tokens, or API credits for accounts that have nothing else. */
  apiTrack: z.enum(wallets).default('plan'),
  /** 0 means unlimited. */
  limits: z.strictObject({ requestsPerMinute: limit, concurrentJobs: limit, queuedJobs: limit }),
});

const packSchema = z.strictObject({ name: z.string().min(1), tokens: grantTokens, priceCents: cents });

/** What work costs, in thousandths and whole tokens. What a table leaves out cannot be bought at it. */
const priceTable = {
  /** Price of one megapixel-step of a model: how much compute a step of it takes. */
  compute: z.strictObject({ defaultMilliTokens: milliTokens, milliTokensByModel: z.record(name, milliTokens) }),
  superResolution: z.strictObject({ milliTokensPerMegapixel: milliTokens }),
  /** A share of the compute line, or so many tokens for each job. */
  surcharges: z.record(name, z.union([z.strictObject({ percentOfCompute: z.int().min(0).max(1_000) }), z.strictObject({ tokens: fewTokens })])),
  /** Of a clip: the least, plus its resolution and its complexity, up to the most. */
  motion: z.strictObject({ tokensMin: fewTokens, tokensMax: fewTokens, tokensPerMegapixel: fewTokens, complexTokens: fewTokens }).optional(),
  /** Of a megapixel of one image, looked at once. */
  training: z.strictObject({ milliTokensPerMegapixelEpoch: milliTokens }).optional(),
  /** Of a megapixel of the enlarged picture. */
  upscale: z.strictObject({ milliTokensPerMegapixel: milliTokens }).optional(),
};

const apiCreditsSchema = z.strictObject({ packs: z.record(name, packSchema), ...priceTable });

const catalogueSchema = z.strictObject({
  version: z.string().min(1).max(64),
  /** From when on it counts; absent: always. */
  effectiveFrom: z.iso.datetime().optional(),
  plans: z.record(name, planSchema),
  /** Other names of plans. */
  aliases: z.record(name, name).default({}),
  /** Where an account goes when its paid plan is cancelled. */
  cancelledPlan: name,
  packs: z.record(name, packSchema).default({}),
  /** Which of the things that plans include are refused to those that do not. Absent: none, as before there was a gate. */
  gates: z.array(z.enum(gates)).default([]),
  ...priceTable,
  /** The second wallet: packs of credits, and what work costs in them. Absent: none are sold. */
  apiCredits: apiCreditsSchema.optional(),
});

const priceListSchema = z
  .array(catalogueSchema)
  .min(1)
  .refine((versions) => new Set(versions.map(({ version }) => version)).size === versions.length, 'two catalogues have the same version');

export type Pack = z.infer<typeof packSchema>;
export type Plan = z.infer<typeof planSchema>;
export type Catalogue = z.infer<typeof catalogueSchema>;

/** Every catalogue that ever had a price: the newest quotes, the older ones settle what was quoted at them. */
export class PriceList {
  /** Oldest first. Throws when a price list makes no sense, so that a service with a broken one never starts. */
  constructor(private readonly versions: readonly Catalogue[]) {}

  static parse(json: unknown): PriceList {
    const { prices, findings } = PriceList.check(json);
    const [worst] = findings.filter(({ severity }) => severity === 'error');
    if (!prices || worst) throw new Error(`The price list makes no sense${worst ? ` at ${worst.path || 'its root'}: ${worst.message}` : '.'}`);
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
    const found = this.versions.findLast(({ effectiveFrom }) => effectiveFrom === undefined || Date.parse(effectiveFrom) <= nowMs) ?? this.versions[0];
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

const packNamed = (packs: Readonly<Record<string, Pack>>, pack: string): Pack | undefined => (Object.hasOwn(packs, pack) ? packs[pack] : undefined);

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
