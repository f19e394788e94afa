import { z } from 'zod';
import { burnOrder } from '../ledger/buckets.js';
import { wallets } from '../wallets.js';

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
  /** Of one dataset. 0 means as many as the server allows. */
  datasetPictures: z.int().min(0).max(1_000).default(0),
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
  surcharges: z.record(
    name,
    z.union([z.strictObject({ percentOfCompute: z.int().min(0).max(1_000) }), z.strictObject({ tokens: fewTokens })]),
  ),
  /** Of a clip: the least, plus its resolution and its complexity, up to the most. */
  motion: z
    .strictObject({ tokensMin: fewTokens, tokensMax: fewTokens, tokensPerMegapixel: fewTokens, complexTokens: fewTokens })
    .optional(),
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
  /** How long a plan whose subscription is overdue keeps what it has before it rests. Its next grant waits for the payment either way. */
  paymentGraceDays: z.int().min(0).max(90).default(7),
  /** Which of the things that plans include are refused to those that do not. Absent: none, as before there was a gate. */
  gates: z.array(z.enum(gates)).default([]),
  ...priceTable,
  /** The second wallet: packs of credits, and what work costs in them. Absent: none are sold. */
  apiCredits: apiCreditsSchema.optional(),
});

export const priceListSchema = z
  .array(catalogueSchema)
  .min(1)
  .refine((versions) => new Set(versions.map(({ version }) => version)).size === versions.length, 'two catalogues have the same version');

export type Pack = z.infer<typeof packSchema>;
export type Plan = z.infer<typeof planSchema>;
export type Catalogue = z.infer<typeof catalogueSchema>;
