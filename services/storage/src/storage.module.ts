import { Module } from '@nestjs/common';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { services } from '@tessera/host/services.js';
import { AssetStore } from './asset.store.js';
import { Assets } from './assets.js';
import { CheckpointStore } from './checkpoint.store.js';
import { Checkpoints } from './checkpoints.js';
import { JobEvents } from './job-events.js';
import { JobFiles } from './job-files.js';
import { Outputs } from './outputs.js';
import { StorageController } from './storage.controller.js';
import { Sweep } from './sweep.js';
import { Uploads } from './uploads.js';

@Module({
  controllers: [StorageController],
  providers: [AssetStore, Assets, CheckpointStore, Checkpoints, JobEvents, JobFiles, Outputs, Sweep, Uploads],
})
export class StorageModule {}

export const storage: ServiceDefinition = { ...services.storage, module: StorageModule };
