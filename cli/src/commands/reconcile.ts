import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { serverLines } from '../lines.js';
import { dataFolder } from '../places.js';
import { formatCount } from '../texts.js';

type Finding = { readonly accountId: string; readonly jobId: string; readonly mismatch: string; readonly detail: string };
type Summary = { readonly accounts: number; readonly jobs: number; readonly settlements: number; readonly findings: number };

/** Exit code 0 only if everything was looked at and agrees. */
export async function reconcile(options: { readonly json?: boolean; readonly data?: string }): Promise<number> {
  return withConnection(dataFolder(options.data), async ({ api }) => {
    let summary: Summary | undefined;
    for await (const line of serverLines(await api.open('GET', '/api/rest/v1/reconciliation'))) {
      const record = JSON.parse(line) as { finding?: Finding; summary?: Summary };
      if (record.summary) summary = record.summary;
      if (options.json) process.stdout.write(`${line}\n`);
      else if (record.finding)
        process.stdout.write(
          `✗ account ${record.finding.accountId}, job ${record.finding.jobId}: ${record.finding.mismatch}: ${record.finding.detail}\n`,
        );
    }
    if (!summary) throw new CommandFailure('The reconciliation broke off before its summary.', exitCodes.failed);
    if (!options.json) process.stdout.write(`${summaryText(summary)}\n`);
    return summary.findings === 0 ? 0 : exitCodes.failed;
  });
}

const summaryText = ({ accounts, jobs, settlements, findings }: Summary): string =>
  `${findings === 0 ? 'ledger and jobs agree' : `${formatCount(findings)} findings`}: ${formatCount(accounts)} accounts, ${formatCount(jobs)} jobs, ${formatCount(settlements)} settlements`;
