import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { burnOrder } from './buckets.js';
import { unknownCatalogue, unknownPlan } from './errors.js';

const name = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/i);
const grantTokens = z.int().min(1).max(1_000_000_000_000);
/** Thousandths of a token: prices finer than a token without fractions. The ceiling keeps every price of the largest job far below 2^53. */
const milliTokens = z.int().min(0).max(1_000_000);
const limit = z.int().min(0).max(1_000_000);

const planSchema = z.strictObject({
  name: z.string().min(1),
  /** Given once, when the account opens. */
  grant: z.strictObject({ bucket: z.enum(burnOrder), tokens: grantTokens }),
  /** 0 means unlimited. */
  limits: z.strictObject({ requestsPerMinute: limit, concurrentJobs: limit, queuedJobs: limit }),
});

const catalogueSchema = z.strictObject({
  version: z.string().min(1).max(64),
  plans: z.record(name, planSchema),
  /** Price of one megapixel-step of a model: how much compute a step of it takes. */
  compute: z.strictObject({ defaultMilliTokens: milliTokens, milliTokensByModel: z.record(name, milliTokens) }),
  superResolution: z.strictObject({ milliTokensPerMegapixel: milliTokens }),
  surcharges: z.record(name, z.strictObject({ percentOfCompute: z.int().min(0).max(1_000) })),
});

const priceListSchema = z
  .array(catalogueSchema)
  .min(1)
  .refine((versions) => new Set(versions.map(({ version }) => version)).size === versions.length, 'two catalogues have the same version');

export type Plan = z.infer<typeof planSchema>;
export type Catalogue = z.infer<typeof catalogueSchema>;

/** Every catalogue that ever had a price: the newest quotes, the older ones settle what was quoted at them. */
export class PriceList {
  /** Oldest first. Throws when a price list makes no sense, so that a service with a broken one never starts. */
  constructor(private readonly versions: readonly Catalogue[]) {}

  static parse(json: unknown): PriceList {
    return new PriceList(priceListSchema.parse(json));
  }

  static bundled(): PriceList {
    return PriceList.parse(JSON.parse(readFileSync(new URL('./catalogue.json', import.meta.url), 'utf8')));
  }

  get current(): Catalogue {
    const newest = this.versions.at(-1);
    if (!newest) throw new Error('A price list has at least one catalogue.');
    return newest;
  }

  version(version: string): Catalogue {
    const found = this.versions.find((catalogue) => catalogue.version === version);
    if (!found) throw unknownCatalogue(version);
    return found;
  }

  /** Plans are looked up by their present terms: what changed for a plan holds for its accounts. */
  plan(plan: string): Plan {
    const found = Object.hasOwn(this.current.plans, plan) ? this.current.plans[plan] : undefined;
    if (!found) throw unknownPlan(plan);
    return found;
  }
}
