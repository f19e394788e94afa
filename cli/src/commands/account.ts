import { randomUUID } from 'node:crypto';
import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { dataFolder } from '../places.js';
import { formatCount, table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Account = {
  readonly accountId: string;
  readonly plan: string;
  readonly balanceTokens: number;
  readonly heldTokens: number;
  readonly spentTokens: number;
  readonly grantedTokens: number;
  readonly openHolds: number;
  readonly buckets: readonly { readonly bucket: string; readonly balanceTokens: number }[];
  readonly limits: { readonly requestsPerMinute: number; readonly concurrentJobs: number; readonly queuedJobs: number };
  readonly renewsAt?: string;
  readonly credits?: { readonly balanceCredits: number; readonly heldCredits: number; readonly spentCredits: number };
};
type Queue = { readonly accountQueuedJobs: number; readonly accountRunningJobs: number };

export async function showAccount(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const [account, queue] = await Promise.all([
      api.get<Account>('/api/rest/v1/account', options),
      api.get<Queue>('/api/rest/v1/queue', options),
    ]);
    process.stdout.write(options.json ? `${JSON.stringify({ ...account, queue })}\n` : `${describe(account, queue)}\n`);
  });
}

export async function topUp(tokens: string, options: Options & { readonly wallet?: string }): Promise<void> {
  const amount = Number(tokens.replaceAll(/[,_]/g, ''));
  if (!Number.isSafeInteger(amount) || amount <= 0)
    throw new CommandFailure(`"${tokens}" is not a whole number of tokens.`, exitCodes.refused, 'For example: tessera topup 10000');
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const account = await api.post<Account>('/api/rest/v1/account/topup', {
      body: { tokens: amount, wallet: options.wallet },
      idempotencyKey: randomUUID(),
      account: options.account,
    });
    process.stdout.write(
      options.json
        ? `${JSON.stringify(account)}\n`
        : `added ${formatCount(amount)} · ${options.wallet === 'credits' ? `${formatCount(account.credits?.balanceCredits ?? 0)} API credits` : `balance ${formatCount(account.balanceTokens)}`}\n`,
    );
  });
}

const limitText = (limit: number, unit: string) => (limit === 0 ? `no limit of ${unit}` : `${formatCount(limit)} ${unit}`);

function describe(account: Account, queue: Queue): string {
  const { limits } = account;
  const filled = account.buckets
    .filter(({ balanceTokens }) => balanceTokens > 0)
    .map(({ bucket, balanceTokens }) => `${bucket} ${formatCount(balanceTokens)}`);
  return table([
    ['account', account.accountId],
    ['plan', `${account.plan}${account.renewsAt ? `, renews ${account.renewsAt.slice(0, 10)}` : ''}`],
    ['balance', `${formatCount(account.balanceTokens)} tokens${filled.length > 0 ? ` (${filled.join(', ')})` : ''}`],
    ...(account.credits
      ? [
          [
            'API credits',
            `${formatCount(account.credits.balanceCredits)}, ${formatCount(account.credits.heldCredits)} held, ${formatCount(account.credits.spentCredits)} spent`,
          ],
        ]
      : []),
    ['held', `${formatCount(account.heldTokens)} for ${formatCount(account.openHolds)} open jobs`],
    ['spent', `${formatCount(account.spentTokens)} of ${formatCount(account.grantedTokens)} granted`],
    [
      'limits',
      [
        limitText(limits.requestsPerMinute, 'requests a minute'),
        limitText(limits.concurrentJobs, 'jobs at once'),
        limitText(limits.queuedJobs, 'jobs waiting'),
      ].join(', '),
    ],
    ['queue', `${queue.accountRunningJobs} painting, ${queue.accountQueuedJobs} waiting`],
  ]);
}
