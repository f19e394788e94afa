import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { Captioner, FileNameCaptioner } from './datasets/captioner.js';
import { DatasetStore } from './datasets/dataset.store.js';
import { Datasets } from './datasets/datasets.js';
import { DatasetsController } from './datasets/datasets.controller.js';
import { FileIntake } from './datasets/file-intake.js';
import { Intake } from './datasets/intake.js';
import { OptOutList } from './datasets/opt-out-list.js';
import { PictureBound } from './datasets/picture-bound.js';
import { Pictures } from './datasets/pictures.js';
import { Removals } from './datasets/removals.js';
import { Settling } from './datasets/settling.js';
import { Versions } from './datasets/versions.js';

@Module({
  controllers: [DatasetsController],
  providers: [
    AccountPlans,
    { provide: Captioner, useClass: FileNameCaptioner },
    DatasetStore,
    Datasets,
    FileIntake,
    Intake,
    OptOutList,
    PictureBound,
    Pictures,
    Removals,
    Settling,
    Versions,
  ],
})
export class TrainingModule {}

export const training: ServiceDefinition = { ...services.training, module: TrainingModule };
