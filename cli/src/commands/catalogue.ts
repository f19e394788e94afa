import { readFile } from 'node:fs/promises';
import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { serverLines } from '../lines.js';
import { dataFolder } from '../places.js';
import { formatCount, table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Finding = { readonly severity: 'error' | 'warning'; readonly path: string; readonly code: string; readonly message: string };
type Outcome = {
  readonly jobsCharged: number;
  readonly jobsRelaxed: number;
  readonly jobsRefused: number;
  readonly spentTokens: number;
  readonly expiredTokens: number;
  readonly planCents: number;
};
type Simulated = { readonly accountId: string; readonly plan: string; readonly real: Outcome; readonly simulated: Outcome };

type Synthetic = {
  readonly synthetic?: boolean;
  readonly seed?: string;
  readonly accounts?: string;
  readonly jobsPerDay?: string;
  readonly days?: string;
};

const syntheticQuery = ({ synthetic, seed = '1', accounts = '5', jobsPerDay = '20', days = '30' }: Synthetic): Record<string, string> =>
  synthetic ? { synthetic: 'true', seed, accountsPerPlan: accounts, jobsPerDay, days } : {};

const base = '/api/rest/v1/catalogue';

export async function showCatalogue(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    process.stdout.write(`${JSON.stringify(await api.get(base), undefined, 2)}\n`);
  });
}

/** Exit code 0 unless billing would refuse to start. */
export async function lintCatalogue(file: string, options: Options): Promise<number> {
  const body = await priceListFrom(file);
  return withConnection(dataFolder(options.data), async ({ api }) => {
    const { findings } = await api.post<{ findings: readonly Finding[] }>(`${base}/lint`, { body });
    const lines = findings.map(
      ({ severity, path, code, message }) => `${severity === 'error' ? '✗' : '!'} ${path || file}: ${code}: ${message}`,
    );
    process.stdout.write(options.json ? `${JSON.stringify(findings)}\n` : `${lines.length === 0 ? 'nothing wrong' : lines.join('\n')}\n`);
    return findings.some(({ severity }) => severity === 'error') ? exitCodes.failed : 0;
  });
}

export async function simulateCatalogue(file: string, options: Options & Synthetic & { readonly to?: string }): Promise<void> {
  const body = await priceListFrom(file);
  const query = new URLSearchParams({
    ...(options.account ? { accountId: options.account } : {}),
    ...(options.to ? { to: options.to } : {}),
    ...syntheticQuery(options),
  });
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const rows = [['ACCOUNT', 'PLAN', 'CHARGED', 'RELAXED', 'REFUSED', 'TOKENS', 'EXPIRED', 'PLANS']];
    for await (const line of serverLines(await api.open('POST', `${base}/simulation?${query.toString()}`, { body }))) {
      if (options.json) process.stdout.write(`${line}\n`);
      else rows.push(rowOf(JSON.parse(line) as Simulated));
    }
    if (!options.json) process.stdout.write(`${table(rows)}\n`);
  });
}

/** `8 → 16` where something changes. */
function rowOf({ accountId, plan, real, simulated }: Simulated): string[] {
  const change = (name: keyof Outcome, text: (amount: number) => string = formatCount) =>
    real[name] === simulated[name] ? text(real[name]) : `${text(real[name])} → ${text(simulated[name])}`;
  return [
    accountId,
    plan,
    change('jobsCharged'),
    change('jobsRelaxed'),
    change('jobsRefused'),
    change('spentTokens'),
    change('expiredTokens'),
    change('planCents', (cents) => `$${(cents / 100).toFixed(2)}`),
  ];
}

async function priceListFrom(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    throw new CommandFailure(
      `${file}: ${error instanceof Error ? error.message : 'cannot be read'}`,
      exitCodes.refused,
      'Begin with: tessera catalogue show > prices.json',
    );
  }
}
