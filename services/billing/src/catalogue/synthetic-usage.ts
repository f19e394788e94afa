import { termsOf } from './catalogue.js';
import type { Catalogue } from './catalogue-schema.js';
import type { Command } from '../ledger/commands.js';
import { checkWhole } from '../input.js';
import type { ImageCompute, Quote } from './quote.js';
import { creditsPlan, ledgerIdOf } from '../wallets.js';

/** What lives are made of. The same numbers always make the same lives. */
export type SyntheticUsage = {
  readonly seed: number;
  readonly accountsPerPlan: number;
  readonly jobsPerDay: number;
  readonly days: number;
};

export type SyntheticAccount = { readonly ledgerId: string; readonly plan: string; readonly commands: () => Iterable<Command> };

/** A minute or so of computing; more is asked for in parts. */
const jobsMax = 1_000_000;
const dayMs = 86_400_000;
const openedMs = Date.UTC(2026, 0, 1);
const generatingMs = 20_000;
/** Accounts without a plan have bought enough. */
const creditsBought = 1_000_000_000;

/** What people ask for, roughly: mostly one or two pictures of a middle size, now and then something large. */
const sizes = [
  [256, 256],
  [512, 512],
  [512, 512],
  [512, 512],
  [768, 512],
  [512, 768],
  [1_024, 1_024],
] as const;
const stepCounts = [10, 20, 20, 20, 30, 50] as const;
const imageCounts = [1, 1, 1, 2, 2, 4, 8] as const;
/** Most accounts are quiet, a few are not. */
const activities = [0.1, 0.4, 0.7, 1, 1, 1.3, 2.5] as const;

export function checkSynthetic({ seed, accountsPerPlan, jobsPerDay, days }: SyntheticUsage, plans: number): void {
  checkWhole('synthetic.seed', seed, 0, 4_294_967_295);
  checkWhole('synthetic.accounts_per_plan', accountsPerPlan, 1, 100);
  checkWhole('synthetic.jobs_per_day', jobsPerDay, 1, 1_000);
  checkWhole('synthetic.days', days, 1, 366);
  checkWhole('synthetic (accounts x jobs x days)', accountsPerPlan * plans * jobsPerDay * days, 1, jobsMax);
}

/** One life for each account of each plan that is sold before and after. */
export function* syntheticAccounts(usage: SyntheticUsage, plans: readonly string[], catalogue: Catalogue): Iterable<SyntheticAccount> {
  for (const [at, plan] of plans.entries()) {
    for (let n = 1; n <= usage.accountsPerPlan; n++) {
      const accountId = `synthetic-${plan}-${n}`;
      const isCredits = catalogue.plans[plan]?.apiTrack === 'credits';
      const random = randomFrom(usage.seed, at * 1_000 + n);
      const seed = random();
      yield {
        ledgerId: ledgerIdOf(accountId, isCredits ? 'credits' : 'plan'),
        plan,
        commands: () =>
          commandsOf(
            usage,
            randomFrom(usage.seed, Math.floor(seed * 4_294_967_295)),
            isCredits ? creditsOpening() : [{ kind: 'open', plan, grants: [], terms: termsOf(catalogue, plan), nowMs: openedMs }],
            Object.keys(catalogue.surcharges),
          ),
      };
    }
  }
}

const creditsOpening = (): Command[] => [
  { kind: 'open', plan: creditsPlan, grants: [], nowMs: openedMs },
  { kind: 'topUp', operationId: 'purchase', tokens: creditsBought, nowMs: openedMs },
];

function* commandsOf(
  { jobsPerDay, days }: SyntheticUsage,
  random: () => number,
  opening: readonly Command[],
  surcharges: readonly string[],
): Iterable<Command> {
  yield* opening;
  const perDay = jobsPerDay * pick(activities, random);
  let job = 0;
  for (let day = 0; day < days; day++) {
    const count = Math.round(perDay * 2 * random());
    const starts = Array.from({ length: count }, () => openedMs + day * dayMs + Math.floor(random() * (dayMs - generatingMs))).sort(
      (a, b) => a - b,
    );
    for (const nowMs of starts) yield* jobOf(`job-${++job}`, nowMs, computeOf(random, surcharges), random());
  }
}

/** Held and closed one after the other; a few fail, a few deliver less than was asked for. */
function* jobOf(jobId: string, nowMs: number, compute: ImageCompute, fate: number): Iterable<Command> {
  const quoted: Quote = { catalogueVersion: '', lines: [], totalTokens: 0 };
  yield { kind: 'reserve', jobId, compute, quote: quoted, deadlineMs: nowMs + dayMs, nowMs };
  const closedMs = nowMs + generatingMs;
  if (fate < 0.03) yield { kind: 'release', jobId, reason: 'failed', nowMs: closedMs };
  else
    yield {
      kind: 'settle',
      jobId,
      unitsDelivered: fate < 0.05 ? Math.ceil(compute.images / 2) : compute.images,
      chargedLines: [],
      finishedMs: closedMs,
      nowMs: closedMs,
    };
}

function computeOf(random: () => number, surcharges: readonly string[]): ImageCompute {
  const [widthPx, heightPx] = pick(sizes, random);
  const used = surcharges.filter(
    (name) => (name === 'init_image' && random() < 0.15) || (name === 'character_reference' && random() < 0.05),
  );
  return {
    modelId: 'mosaic-3d',
    widthPx,
    heightPx,
    steps: pick(stepCounts, random),
    images: pick(imageCounts, random),
    superResolution: random() < 0.3,
    surcharges: used,
  };
}

const pick = <T>(from: readonly T[], random: () => number): T => from[Math.floor(random() * from.length)] as T;

/** Mulberry32 (Tommy Ettinger, public domain): small, and the same everywhere. */
function randomFrom(seed: number, stream: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Plans that both price lists sell. */
export const commonPlans = (before: Catalogue, after: Catalogue): string[] =>
  Object.keys(before.plans).filter((plan) => Object.hasOwn(after.plans, plan));
