import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { JobFiles } from './loop/job-files.js';
import { podAccess, PodDeletionCost } from './pod-deletion-cost.js';
import type { Runner } from './runner.js';
import { ImageRunner } from './runners/image/image-runner.js';
import { WorkerProcess } from './worker-process.js';
import { RUNNERS, Worker } from './worker.js';

@Module({})
export class WorkerModule {
  static with(runners: readonly Type<Runner>[]): DynamicModule {
    const all = { provide: RUNNERS, inject: [...runners], useFactory: (...instances: Runner[]) => instances };
    const deletionCost = {
      provide: PodDeletionCost,
      inject: [LOGGER, WorkerProcess],
      useFactory: async (logger: Logger, { isEmbedded }: WorkerProcess) =>
        new PodDeletionCost(isEmbedded ? undefined : await podAccess(), logger),
    };
    const files = { provide: JobFiles, inject: [Rpc], useFactory: (rpc: Rpc) => new JobFiles(rpc.client(StorageService)) };
    return { module: WorkerModule, providers: [WorkerProcess, deletionCost, files, ...runners, all, Worker] };
  }
}

/** A worker with runners of its own choice, which is how specs add a kind. */
export const workerWith = (runners: readonly Type<Runner>[]): ServiceDefinition => ({
  ...services.worker,
  module: WorkerModule.with(runners),
});

export const worker = workerWith([ImageRunner]);
