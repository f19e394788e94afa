import { Module } from '@nestjs/common';
import { ExternalScaler } from '@tessera/contracts/externalscaler/externalscaler_pb.js';
import { GenerationService, WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { GenerationController } from './generation.controller.js';
import { Jobs } from './jobs.js';
import { QueueModule } from './queue.module.js';
import { Requests } from './requests.js';
import { ScalerController } from './scaler.controller.js';
import { Scaler } from './scaler.js';
import { Submissions } from './submissions.js';
import { Sweeper } from './sweeper.js';
import { Watching } from './watching.js';
import { WorkerClaims } from './worker-claims.js';
import { WorkerController } from './worker.controller.js';
import { WorkerModule } from './worker.module.js';

@Module({
  imports: [QueueModule, WorkerModule],
  controllers: [GenerationController, WorkerController, ScalerController],
  providers: [AccountPlans, Jobs, Requests, Scaler, Submissions, Sweeper, Watching, WorkerClaims],
})
export class GenerationModule {}

export const generation: ServiceDefinition = { name: 'generation', module: GenerationModule, contracts: [GenerationService, WorkerService, ExternalScaler], uses: ['cache', 'engine'] };
