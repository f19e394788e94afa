import type { z } from 'zod';
import type { Catalogue, Plan } from './catalogue-schema.js';

/** An error keeps billing from starting; a warning is for the operator to judge. `code` is stable. */
export type LintFinding = {
  readonly severity: 'error' | 'warning';
  readonly path: string;
  readonly code: string;
  readonly message: string;
};

type Found = Omit<LintFinding, 'severity'>;

export const schemaFindings = (error: z.ZodError): LintFinding[] =>
  error.issues.map(({ path, message }) => ({ severity: 'error', path: path.join('.'), code: 'shape', message }));

/** What makes no sense although it is well formed, in the order of the file. `inUse` are the catalogues that accounts and holds rely on already. */
export function lint(versions: readonly Catalogue[], inUse: readonly Catalogue[] = []): LintFinding[] {
  return [
    ...versions.flatMap((catalogue, at) => [
      ...asErrors(at, [
        ...orderErrors(versions, at),
        ...nameErrors(catalogue),
        ...Object.entries(catalogue.plans).flatMap(([name, plan]) => planErrors(name, plan)),
      ]),
      ...asWarnings(at, [
        ...Object.entries(catalogue.plans).flatMap(([name, plan]) => planWarnings(name, plan)),
        ...packWarnings('packs', catalogue.packs),
        ...packWarnings('apiCredits.packs', catalogue.apiCredits?.packs ?? {}),
        ...graceWarnings(catalogue),
        ...priceWarnings('compute', catalogue),
        ...(catalogue.apiCredits ? priceWarnings('apiCredits.compute', catalogue.apiCredits) : []),
      ]),
    ]),
    ...inUse.flatMap((known) => historyFindings(versions, known)),
  ];
}

const asErrors = (at: number, found: readonly Found[]): LintFinding[] =>
  found.map((finding) => ({ ...finding, severity: 'error', path: `${at}.${finding.path}` }));
const asWarnings = (at: number, found: readonly Found[]): LintFinding[] =>
  found.map((finding) => ({ ...finding, severity: 'warning', path: `${at}.${finding.path}` }));

function orderErrors(versions: readonly Catalogue[], at: number): Found[] {
  const [before, own] = [versions[at - 1]?.effectiveFrom, versions[at]?.effectiveFrom];
  if (at > 0 && own === undefined)
    return [
      {
        path: 'effectiveFrom',
        code: 'no_effective_date',
        message: 'Only the first catalogue may go without a date; this one would count for all time.',
      },
    ];
  if (before !== undefined && own !== undefined && Date.parse(own) <= Date.parse(before))
    return [{ path: 'effectiveFrom', code: 'dates_out_of_order', message: `It counts from ${own}, the one before it from ${before}.` }];
  return [];
}

function nameErrors({ plans, aliases, cancelledPlan, packs, apiCredits, motion: theirs }: Catalogue): Found[] {
  const found: Found[] = Object.entries(aliases).flatMap(([alias, plan]) => {
    if (Object.hasOwn(plans, alias)) return [{ path: `aliases.${alias}`, code: 'alias_hides_plan', message: `${alias} is a plan itself.` }];
    return Object.hasOwn(plans, plan) ? [] : [{ path: `aliases.${alias}`, code: 'unknown_plan', message: `There is no plan ${plan}.` }];
  });
  const after = Object.hasOwn(plans, cancelledPlan) ? plans[cancelledPlan] : undefined;
  for (const pack of Object.keys(apiCredits?.packs ?? {}))
    if (Object.hasOwn(packs, pack))
      found.push({ path: `apiCredits.packs.${pack}`, code: 'pack_named_twice', message: 'There is a pack of tokens of that name.' });
  for (const [plan, { apiTrack }] of Object.entries(plans))
    if (apiTrack === 'credits' && !apiCredits)
      found.push({
        path: `plans.${plan}.apiTrack`,
        code: 'credits_not_sold',
        message: 'Its jobs are paid for in API credits, and the price list sells none.',
      });
  for (const [at, { motion }] of Object.entries({ motion: { motion: theirs }, 'apiCredits.motion': { motion: apiCredits?.motion } }))
    if (motion && motion.tokensMin > motion.tokensMax)
      found.push({ path: at, code: 'motion_bounds', message: 'The least that a clip costs is more than the most.' });
  if (!after) found.push({ path: 'cancelledPlan', code: 'unknown_plan', message: `There is no plan ${cancelledPlan}.` });
  else if (after.priceCents > 0)
    found.push({ path: 'cancelledPlan', code: 'cancelled_plan_costs', message: 'Whoever cancels would go on paying.' });
  return found;
}

function planErrors(name: string, { cadence, grant, bankTokens, priceCents, isPaid, seats }: Plan): Found[] {
  const path = `plans.${name}`;
  const found: Found[] = [];
  const bucket = cadence === 'daily' ? 'daily' : 'fast';
  if (grant.bucket !== bucket)
    found.push({
      path: `${path}.grant.bucket`,
      code: 'wrong_bucket',
      message: `What comes ${cadence === 'daily' ? 'daily' : 'monthly or once'} goes to the bucket ${bucket}.`,
    });
  if (cadence === 'daily' && bankTokens > 0)
    found.push({ path: `${path}.bankTokens`, code: 'daily_bank', message: "A day's tokens do not roll over." });
  if (priceCents > 0 && !isPaid)
    found.push({
      path: `${path}.isPaid`,
      code: 'paid_plan_frozen',
      message: 'The plan costs money, and could neither buy packs nor spend its bank.',
    });
  if (seats.min > seats.max)
    found.push({ path: `${path}.seats`, code: 'no_seats', message: `It is sold with ${seats.min} to ${seats.max} seats.` });
  return found;
}

function planWarnings(name: string, { cadence, grant, bankTokens, limits }: Plan): Found[] {
  const found: Found[] = [];
  if (cadence === 'monthly' && bankTokens < grant.tokens)
    found.push({ path: `plans.${name}.bankTokens`, code: 'bank_below_allowance', message: 'The bank has no room for one unused month.' });
  if (limits.concurrentJobs === 0)
    found.push({
      path: `plans.${name}.limits.concurrentJobs`,
      code: 'no_job_limit',
      message: '0 means unlimited: one account may take all workers.',
    });
  return found;
}

/** Providers try a card again for some weeks: without a grace the first failure ends the plan, and a long one is service that nobody pays for. */
function graceWarnings({ paymentGraceDays }: Catalogue): Found[] {
  const path = 'paymentGraceDays';
  if (paymentGraceDays === 0) return [{ path, code: 'no_payment_grace', message: 'A card that fails once lets the plan rest at once.' }];
  return paymentGraceDays > 28
    ? [{ path, code: 'long_payment_grace', message: `An unpaid plan goes on for ${paymentGraceDays} days, about a month or more.` }]
    : [];
}

/** A larger pack that costs more a token will not be bought. */
function packWarnings(path: string, packs: Catalogue['packs']): Found[] {
  const sorted = Object.entries(packs).sort(([, a], [, b]) => a.tokens - b.tokens);
  return sorted.flatMap(([name, pack], at) => {
    const smaller = sorted[at - 1];
    if (!smaller || pack.priceCents * smaller[1].tokens <= smaller[1].priceCents * pack.tokens) return [];
    return [{ path: `${path}.${name}`, code: 'pack_dearer_than_smaller', message: `A token costs more than in ${smaller[0]}.` }];
  });
}

function priceWarnings(path: string, { compute }: Pick<Catalogue, 'compute'>): Found[] {
  const free = Object.entries({ ...compute.milliTokensByModel, '(any other)': compute.defaultMilliTokens }).filter(
    ([, milliTokens]) => milliTokens === 0,
  );
  return free.map(([model]) => ({
    path: `${path}.milliTokensByModel.${model}`,
    code: 'model_costs_nothing',
    message: 'Its pictures are free.',
  }));
}

/** Holds settle at the version of their quote, and accounts stay on their plans. */
function historyFindings(versions: readonly Catalogue[], known: Catalogue): LintFinding[] {
  const same = versions.find(({ version }) => version === known.version);
  if (!same)
    return [
      {
        severity: 'error',
        path: '',
        code: 'version_removed',
        message: `Catalogue ${known.version} is in use: what was quoted at it could not be settled.`,
      },
    ];
  if (JSON.stringify(same) !== JSON.stringify(known))
    return [
      {
        severity: 'error',
        path: String(versions.indexOf(same)),
        code: 'version_changed',
        message: `Catalogue ${known.version} is in use; add a new version with an effective date instead.`,
      },
    ];
  const newest = versions.at(-1);
  return Object.keys(known.plans)
    .filter((plan) => newest && !Object.hasOwn(newest.plans, plan))
    .map((plan) => ({
      severity: 'error',
      path: `${versions.length - 1}.plans`,
      code: 'plan_removed',
      message: `Accounts may be on the plan ${plan}: keep it, at least for them.`,
    }));
}
