import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { BillingService, type AuditRequest, type AuditResponseSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import {
  ReconciliationService,
  type ReconcileRequest,
  type ReconcileResponseSchema,
} from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import { Audit, type AuditResult } from './audit.js';
import { Reconciliation, type ReconcileFinding, type ReconcileSummary } from './reconciliation.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class AuditController {
  constructor(
    private readonly ledgerAudit: Audit,
    private readonly reconciliation: Reconciliation,
  ) {}

  @GrpcMethod(BillingService.typeName)
  audit({ accountId }: AuditRequest) {
    return streamOf((signal) => auditMessages(this.ledgerAudit.run(accountId, signal)));
  }

  @GrpcMethod(ReconciliationService.typeName)
  reconcile({ accountId }: ReconcileRequest) {
    return streamOf((signal) => this.reconcileMessages(accountId, signal));
  }

  private async *reconcileMessages(
    accountId: string,
    signal: AbortSignal,
  ): AsyncIterable<MessageInitShape<typeof ReconcileResponseSchema>> {
    for await (const result of this.reconciliation.run(accountId, signal))
      yield 'finding' in result ? mismatchMessage(result.finding) : reconcileSummaryMessage(result.summary);
  }
}

async function* auditMessages(results: AsyncIterable<AuditResult>): AsyncIterable<MessageInitShape<typeof AuditResponseSchema>> {
  for await (const result of results) yield 'finding' in result ? findingMessage(result.finding) : summaryMessage(result.summary);
}

const findingMessage = (finding: Extract<AuditResult, { finding: unknown }>['finding']): MessageInitShape<typeof AuditResponseSchema> => ({
  result: { case: 'finding', value: { ...finding, sequence: BigInt(finding.sequence) } },
});

const summaryMessage = (summary: Extract<AuditResult, { summary: unknown }>['summary']): MessageInitShape<typeof AuditResponseSchema> => ({
  result: {
    case: 'summary',
    value: {
      accounts: BigInt(summary.accounts),
      entries: BigInt(summary.entries),
      openHolds: BigInt(summary.openHolds),
      findings: BigInt(summary.findings),
      grantedTokens: BigInt(summary.granted),
      spentTokens: BigInt(summary.spent),
      heldTokens: BigInt(summary.held),
      balanceTokens: BigInt(summary.balance),
      expiredTokens: BigInt(summary.expired),
      creditWallets: BigInt(summary.creditWallets),
      grantedCredits: BigInt(summary.credits.granted),
      spentCredits: BigInt(summary.credits.spent),
      heldCredits: BigInt(summary.credits.held),
      balanceCredits: BigInt(summary.credits.balance),
    },
  },
});

const mismatchMessage = (finding: ReconcileFinding) => ({ result: { case: 'finding' as const, value: finding } });

const reconcileSummaryMessage = ({ accounts, jobs, settlements, findings }: ReconcileSummary) => ({
  result: {
    case: 'summary' as const,
    value: { accounts: BigInt(accounts), jobs: BigInt(jobs), settlements: BigInt(settlements), findings: BigInt(findings) },
  },
});
