import { Injectable, type OnModuleInit } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { Installation } from '../start/installation.js';

const deadlineMs = 2_000;

/** A request needs more than the ports: the services behind the gateway. */
@Injectable()
export class Readiness implements OnModuleInit {
  constructor(
    private readonly health: HealthChecks,
    private readonly rpc: Rpc,
    private readonly installation: Installation,
  ) {}

  onModuleInit(): void {
    const billing = this.rpc.client(BillingService);
    const generation = this.rpc.client(GenerationService);
    const jobs = this.rpc.client(JobService);
    this.health.add('billing', () => billing.getAccount({ accountId: this.installation.ownerAccountId }, { deadlineMs }));
    this.health.add('jobs', () => jobs.getOutcomes({ jobIds: [] }, { deadlineMs }));
    this.health.add('generation', () => generation.listModels({}, { deadlineMs }));
  }
}
