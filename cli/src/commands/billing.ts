import { randomUUID } from 'node:crypto';
import type { CallOptions } from '../api.js';
import { withConnection, type Connection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { dataFolder } from '../places.js';
import {
  balanceText,
  membersText,
  plansText,
  quoteText,
  statementText,
  usageText,
  type Account,
  type Plans,
  type Position,
  type Quote,
  type Statement,
  type Usage,
} from '../billing-texts.js';
import { parseSize } from '../sizes.js';
import { formatCount } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Wallet = { readonly wallet?: string };
type Period = { readonly from?: string; readonly to?: string };

const base = '/api/rest/v1';

export const showPlans = (options: Options): Promise<void> => show<Plans>(options, (api) => api.get(`${base}/plans`), plansText);

export const openAccount = (plan: string, options: Options & { readonly seats?: string; readonly utcOffset?: string }): Promise<void> =>
  show<Account>(
    options,
    (api, common) =>
      api.post(`${base}/accounts`, {
        ...common,
        idempotencyKey: randomUUID(),
        body: {
          ...planBody(plan, options.seats),
          ...(options.utcOffset === undefined ? {} : { utcOffsetMinutes: Number(options.utcOffset) }),
        },
      }),
    (account) => `${account.accountId}\nIts keys: tessera keys create "…" --account ${account.accountId}`,
  );

export const changePlan = (plan: string, options: Options & { readonly seats?: string }): Promise<void> =>
  show<Account>(
    options,
    (api, common) => api.post(`${base}/account/plan`, { ...common, idempotencyKey: randomUUID(), body: planBody(plan, options.seats) }),
    planText,
  );

export const cancelPlan = (options: Options): Promise<void> =>
  show<Account>(options, (api, common) => api.delete(`${base}/account/plan`, { ...common, idempotencyKey: randomUUID() }), planText);

export const pausePlan = (options: Options & { readonly until?: string }): Promise<void> =>
  show<Account>(
    options,
    (api, common) =>
      api.post(`${base}/account/plan/pause`, {
        ...common,
        idempotencyKey: randomUUID(),
        body: options.until === undefined ? {} : { resumesAt: options.until },
      }),
    planText,
  );

export const resumePlan = (options: Options): Promise<void> =>
  show<Account>(options, (api, common) => api.post(`${base}/account/plan/resume`, { ...common, idempotencyKey: randomUUID() }), planText);

type Priced = {
  readonly size: string;
  readonly images?: string;
  readonly steps?: string;
  readonly epochs?: string;
  readonly complexity?: string;
  readonly surcharge?: readonly string[];
  readonly wallet?: string;
};

export async function askPrice(kind: string, options: Options & Priced): Promise<void> {
  const { widthPx: width, heightPx: height } = parseSize(options.size);
  const counts = Object.fromEntries(
    (['images', 'steps', 'epochs'] as const).flatMap((name) => (options[name] === undefined ? [] : [[name, whole(options[name])]])),
  );
  const body = { kind, width, height, ...counts, complexity: options.complexity, surcharges: options.surcharge, wallet: options.wallet };
  await show<{ quote: Quote }>(
    options,
    (api, common) => api.post(`${base}/quote`, { ...common, body }),
    ({ quote }) => quoteText(quote),
  );
}

export const acceptPicture = (picture: string, options: Options & { readonly undo?: boolean }): Promise<void> =>
  show<{ id: string; accepted: boolean }>(
    options,
    (api, common) => api.put(`${base}/pictures/${encodeURIComponent(picture)}`, { ...common, body: { accepted: options.undo !== true } }),
    ({ id, accepted }) => `${id} ${accepted ? 'is accepted' : 'is not accepted any more'}`,
  );

export async function setLimits(options: Options & Wallet & { readonly spendCap?: string; readonly lowBalance?: string }): Promise<void> {
  const body = { wallet: options.wallet, ...limit('spendCapTokens', options.spendCap), ...limit('lowBalanceTokens', options.lowBalance) };
  await show<Account>(
    options,
    (api, common) => api.put(`${base}/account/limits`, { ...common, idempotencyKey: randomUUID(), body }),
    limitsText,
  );
}

export const listMembers = (options: Options): Promise<void> =>
  show<Account>(options, (api, common) => api.get(`${base}/account`, common), membersText);

export const putMember = (member: string, options: Options & { readonly cap?: string }): Promise<void> =>
  show<Account>(
    options,
    (api, common) =>
      api.put(`${base}/account/members/${encodeURIComponent(member)}`, {
        ...common,
        idempotencyKey: randomUUID(),
        body: limit('capTokens', options.cap),
      }),
    membersText,
  );

export const removeMember = (member: string, options: Options): Promise<void> =>
  show<Account>(
    options,
    (api, common) => api.delete(`${base}/account/members/${encodeURIComponent(member)}`, { ...common, idempotencyKey: randomUUID() }),
    membersText,
  );

export const showBalance = (options: Options & Wallet & { readonly at?: string }): Promise<void> =>
  show<Position>(
    options,
    (api, common) => api.get(`${base}/account/balance${query({ at: options.at, wallet: options.wallet })}`, common),
    balanceText,
  );

export const showUsage = (options: Options & Period & Wallet & { readonly by: string }): Promise<void> =>
  show<Usage>(
    options,
    (api, common) =>
      api.get(`${base}/account/usage${query({ by: options.by, from: options.from, to: options.to, wallet: options.wallet })}`, common),
    usageText,
  );

export const showStatement = (options: Options & Period & Wallet): Promise<void> =>
  show<Statement>(
    options,
    (api, common) => api.get(`${base}/account/statement${query({ from: options.from, to: options.to, wallet: options.wallet })}`, common),
    statementText,
  );

export const reverse = (operation: string, options: Options & Wallet): Promise<void> =>
  show<Account>(
    options,
    (api, common) => api.post(`${base}/account/reversals`, { ...common, body: { operationId: operation, wallet: options.wallet } }),
    (account) => `reversed ${operation} · balance ${formatCount(account.balanceTokens)}`,
  );

export const recordPayment = (pack: string, options: Options & { readonly payment: string }): Promise<void> =>
  show<{ outcome: string; account: Account }>(
    options,
    (api, common) => api.post(`${base}/account/payments`, { ...common, body: { paymentId: options.payment, pack } }),
    ({ outcome, account }) => `${outcome} ${options.payment} · balance ${formatCount(account.balanceTokens)}`,
  );

export const recordRefund = (payment: string, options: Options): Promise<void> =>
  show<{ outcome: string }>(
    options,
    (api, common) => api.delete(`${base}/account/payments/${encodeURIComponent(payment)}`, common),
    ({ outcome }) => `${outcome} the refund of ${payment}`,
  );

export async function exportEntries(options: Options & Period & Wallet & { readonly format: string }): Promise<void> {
  if (!['csv', 'parquet'].includes(options.format))
    throw new CommandFailure(`"${options.format}" is neither csv nor parquet.`, exitCodes.refused);
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer = await api.open(
      'GET',
      `${base}/account/entries.${options.format}${query({ from: options.from, to: options.to, wallet: options.wallet })}`,
      { account: options.account },
    );
    for await (const piece of answer.body ?? [])
      if (!process.stdout.write(piece)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  });
}

async function show<T>(
  options: Options,
  ask: (api: Connection['api'], common: CallOptions) => Promise<T>,
  text: (answer: T) => string,
): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer = await ask(api, { account: options.account });
    process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${text(answer)}\n`);
  });
}

function query(fields: Record<string, string | undefined>): string {
  const given = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

const planBody = (plan: string, seats: string | undefined) => ({ plan, ...(seats === undefined ? {} : { seats: whole(seats) }) });

const limit = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value === 'none' ? null : whole(value) });

function whole(text: string): number {
  const count = Number(text.replaceAll(/[,_]/g, ''));
  if (text.trim() === '' || !Number.isSafeInteger(count) || count < 0)
    throw new CommandFailure(`"${text}" is not a whole number.`, exitCodes.refused);
  return count;
}

function planText({ plan, renewsAt, nextPlan, pausedPlan, balanceTokens }: Account): string {
  const next = nextPlan
    ? `, ${nextPlan.isPause ? 'paused' : nextPlan.plan} from ${renewsAt?.slice(0, 10) ?? 'then on'}${until(nextPlan)}`
    : '';
  const paused = pausedPlan ? `, ${pausedPlan.plan} paused${until(pausedPlan)}` : '';
  return `plan ${plan}${paused}${next} · balance ${formatCount(balanceTokens)}`;
}

const until = ({ resumesAt }: { readonly resumesAt?: string }): string =>
  resumesAt === undefined ? '' : ` until ${resumesAt.slice(0, 10)}`;

function limitsText({ spendCapTokens, lowBalanceTokens, cycle }: Account): string {
  const cap =
    spendCapTokens === undefined ? 'no spend cap' : `spend cap ${formatCount(spendCapTokens)}, ${formatCount(cycle?.usedTokens ?? 0)} used`;
  return `${cap} · ${lowBalanceTokens === undefined ? 'no low-balance alert' : `alert below ${formatCount(lowBalanceTokens)}`}`;
}
