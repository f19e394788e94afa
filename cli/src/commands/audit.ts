import { serverLines } from '../lines.js';
import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { dataFolder } from '../places.js';
import { formatCount } from '../texts.js';

type Finding = { readonly accountId: string; readonly sequence: number | string; readonly invariant: string; readonly detail: string };
type Amount = number | string;
type Summary = Readonly<
  Record<
    | 'accounts'
    | 'entries'
    | 'openHolds'
    | 'findings'
    | 'grantedTokens'
    | 'spentTokens'
    | 'heldTokens'
    | 'balanceTokens'
    | 'expiredTokens'
    | 'creditWallets'
    | 'grantedCredits'
    | 'spentCredits'
    | 'heldCredits'
    | 'balanceCredits',
    Amount
  >
>;

/** Exit code 0 only if the audit ran to its end and found nothing. */
export async function audit(options: { readonly json?: boolean; readonly data?: string }): Promise<number> {
  return withConnection(dataFolder(options.data), async ({ api }) => {
    let summary: Summary | undefined;
    const answer = await api.open('GET', '/api/rest/v1/audit');
    for await (const line of serverLines(answer)) {
      const record = JSON.parse(line) as { finding?: Finding; summary?: Summary };
      if (record.summary) summary = record.summary;
      if (options.json) process.stdout.write(`${line}\n`);
      else if (record.finding) process.stdout.write(`${findingLine(record.finding)}\n`);
    }
    if (!summary) throw new CommandFailure('The audit broke off before its summary.', exitCodes.failed);
    if (!options.json) process.stdout.write(`${summaryText(summary)}\n`);
    return Number(summary.findings) === 0 ? 0 : exitCodes.failed;
  });
}

const findingLine = ({ accountId, sequence, invariant, detail }: Finding) =>
  `✗ account ${accountId}, entry ${sequence}: ${invariant}: ${detail}`;

function summaryText(summary: Summary): string {
  const count = (amount: Amount | undefined) => formatCount(Number(amount ?? 0));
  const verdict = Number(summary.findings) === 0 ? 'clean' : `${count(summary.findings)} findings`;
  return [
    `audit ${verdict}: ${count(summary.accounts)} accounts, ${count(summary.entries)} entries, ${count(summary.openHolds)} open holds`,
    `granted ${count(summary.grantedTokens)} = balance ${count(summary.balanceTokens)} + held ${count(summary.heldTokens)} + spent ${count(summary.spentTokens)} + expired ${count(summary.expiredTokens)}`,
    ...(Number(summary.creditWallets) > 0
      ? [
          `${count(summary.creditWallets)} wallets of API credits: granted ${count(summary.grantedCredits)} = balance ${count(summary.balanceCredits)} + held ${count(summary.heldCredits)} + spent ${count(summary.spentCredits)}`,
        ]
      : []),
  ].join('\n');
}
