import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { JobsController } from './queue/jobs.controller.js';
import { QueueModule } from './queue/queue.module.js';
import { Sweeper } from './queue/sweeper.js';
import { ScalerController } from './scaling/scaler.controller.js';
import { Scaler } from './scaling/scaler.js';
import { SubmissionController } from './submission/submission.controller.js';
import { Submissions } from './submission/submissions.js';
import { WatchController } from './watch/watch.controller.js';
import { Watches } from './watch/watches.js';
import { WorkerClaims } from './workers/worker-claims.js';
import { WorkersController } from './workers/workers.controller.js';

@Module({
  imports: [QueueModule],
  controllers: [SubmissionController, JobsController, WatchController, WorkersController, ScalerController],
  providers: [AccountPlans, Scaler, Submissions, Sweeper, Watches, WorkerClaims],
})
export class JobsModule {}

export const jobs: ServiceDefinition = { ...services.jobs, module: JobsModule };
