import { formatCount, table } from './texts.js';

export type Account = {
  readonly accountId: string;
  readonly plan: string;
  readonly balanceTokens: number;
  readonly renewsAt?: string;
  readonly cycle?: { readonly usedTokens: number; readonly seats: number; readonly membersMax: number };
  readonly nextPlan?: { readonly plan: string; readonly isPause: boolean; readonly resumesAt?: string };
  readonly pausedPlan?: { readonly plan: string; readonly resumesAt?: string };
  readonly spendCapTokens?: number;
  readonly lowBalanceTokens?: number;
  readonly members: readonly { readonly memberId: string; readonly capTokens?: number; readonly usedTokens: number }[];
};
export type Plans = {
  readonly catalogueVersion: string;
  readonly plans: readonly {
    plan: string;
    priceCents: number;
    cadence: string;
    seatTokens: number;
    seatBankTokens: number;
    seatsMin: number;
    hasRelaxedLane: boolean;
    limits: { concurrentJobs: number };
    aliases: readonly string[];
    apiTrack: string;
  }[];
  readonly packs: readonly { readonly pack: string; readonly tokens: number; readonly priceCents: number; readonly wallet: string }[];
};
export type Position = {
  readonly at: string;
  readonly plan: string;
  readonly balanceTokens: number;
  readonly frozenTokens: number;
  readonly heldTokens: number;
  readonly spentTokens: number;
  readonly expiredTokens: number;
  readonly grantedTokens: number;
  readonly buckets: readonly { readonly bucket: string; readonly balanceTokens: number }[];
};
type UsageRow = {
  readonly key: string;
  readonly jobs: number;
  readonly imagesDelivered: number;
  readonly tokens: number;
  readonly tokensPerImage?: number;
  readonly imagesAccepted: number;
  readonly tokensPerAcceptedImage?: number;
};
export type Usage = { readonly by: string; readonly rows: readonly UsageRow[]; readonly total: UsageRow };
export type Statement = {
  readonly opening: Position;
  readonly closing: Position;
  readonly lines: readonly { readonly kind: string; readonly operations: number; readonly tokens: number }[];
};

const money = (cents: number): string => (cents === 0 ? 'free' : `$${(cents / 100).toFixed(cents % 100 === 0 ? 0 : 2)}`);
const cadences: Readonly<Record<string, string>> = { monthly: 'a month', daily: 'a day', once: 'once' };

export function plansText({ catalogueVersion, plans, packs }: Plans): string {
  const rows = plans.map(
    ({ plan, priceCents, cadence, seatTokens, seatBankTokens, seatsMin, hasRelaxedLane, limits, aliases, apiTrack }) => [
      plan,
      `${money(priceCents)}${seatsMin > 1 ? ` a seat, ${seatsMin}+` : ''}`,
      apiTrack === 'credits' ? 'API credits' : `${formatCount(seatTokens)} ${cadences[cadence] ?? cadence}`,
      formatCount(seatBankTokens),
      hasRelaxedLane ? 'yes' : 'no',
      String(limits.concurrentJobs),
      aliases.join(', '),
    ],
  );
  const packRows = packs.map(({ pack, tokens, priceCents, wallet }) => [
    pack,
    money(priceCents),
    `${formatCount(tokens)} ${wallet === 'credits' ? 'API credits' : 'tokens'}`,
  ]);
  return [
    `catalogue ${catalogueVersion}`,
    table([['PLAN', 'PRICE', 'TOKENS', 'BANK', 'RELAXED', 'JOBS', 'ALSO CALLED'], ...rows]),
    '',
    table([['PACK', 'PRICE', 'FOR'], ...packRows]),
  ].join('\n');
}

export type Quote = {
  readonly wallet: string;
  readonly lines: readonly { readonly description: string; readonly tokens: number }[];
  readonly totalTokens: number;
};

/** The lines add up to the total. */
export const quoteText = ({ wallet, lines, totalTokens }: Quote): string =>
  amounts([
    ...lines.map(({ description, tokens }): [string, number] => [description, tokens]),
    [wallet === 'credits' ? 'API credits' : 'tokens', totalTokens],
  ]);

export function membersText({ members, cycle }: Account): string {
  const seats = `${members.length} of ${formatCount(cycle?.membersMax ?? 1)} seats taken`;
  if (members.length === 0) return seats;
  return `${table([['MEMBER', 'USED', 'CAP'], ...members.map(({ memberId, usedTokens, capTokens }) => [memberId, formatCount(usedTokens), capTokens === undefined ? '-' : formatCount(capTokens)])])}\n${seats}`;
}

/** Amounts stand in one column, units under units. */
function amounts(rows: readonly (readonly [string, number, string?])[]): string {
  const texts = rows.map(([, tokens]) => formatCount(tokens));
  const width = Math.max(...texts.map((text) => text.length));
  return table(rows.map(([name, , remark = ''], at) => [name, (texts[at] ?? '').padStart(width), ...(remark ? [remark] : [])]));
}

export function balanceText({
  at,
  plan,
  balanceTokens,
  frozenTokens,
  heldTokens,
  spentTokens,
  expiredTokens,
  grantedTokens,
  buckets,
}: Position): string {
  const rest: [string, number][] = [
    ['frozen', frozenTokens],
    ['held', heldTokens],
    ['spent', spentTokens],
    ['expired', expiredTokens],
  ];
  return [
    `${at.replace('T', ' ').slice(0, 19)} UTC, plan ${plan || '-'}`,
    amounts([
      ['balance', balanceTokens, buckets.map(({ bucket, balanceTokens: tokens }) => `${bucket} ${formatCount(tokens)}`).join(', ')],
      ...rest.filter(([, tokens]) => tokens > 0),
      ['granted', grantedTokens],
    ]),
  ].join('\n');
}

const each = (tokens: number | undefined): string => (tokens === undefined ? '-' : String(tokens));

const usageRow = (name: string, { jobs, imagesDelivered, imagesAccepted, tokens, tokensPerImage, tokensPerAcceptedImage }: UsageRow) => [
  name,
  formatCount(jobs),
  formatCount(imagesDelivered),
  formatCount(imagesAccepted),
  formatCount(tokens),
  each(tokensPerImage),
  each(tokensPerAcceptedImage),
];

export const usageText = ({ by, rows, total }: Usage): string =>
  table([
    [by.toUpperCase(), 'JOBS', 'IMAGES', 'ACCEPTED', 'TOKENS', 'AN IMAGE', 'AN ACCEPTED ONE'],
    ...rows.map((row) => usageRow(row.key || '(none)', row)),
    usageRow('total', total),
  ]);

const owned = ({ balanceTokens, frozenTokens, heldTokens }: Position): number => balanceTokens + frozenTokens + heldTokens;
/** A statement without a beginning starts before all clocks. */
const day = (time: string): string => (time.startsWith('1970-01-01T00:00') ? 'the first day' : time.replace('T', ' ').slice(0, 16));

/** The lines lead from the opening to the closing amount, to the token. */
export const statementText = ({ opening, closing, lines }: Statement): string =>
  amounts([
    [`had on ${day(opening.at)}`, owned(opening)],
    ...lines.map(({ kind, operations, tokens }): [string, number, string] => [
      kind,
      tokens,
      `${formatCount(operations)} ${operations === 1 ? 'entry' : 'entries'}`,
    ]),
    [`has on ${day(closing.at)}`, owned(closing), closing.heldTokens > 0 ? `${formatCount(closing.heldTokens)} of it held` : ''],
  ]);
