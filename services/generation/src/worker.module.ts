import { Module } from '@nestjs/common';
import { EmbeddedWorker } from './embedded-worker.js';
import { QueueModule } from './queue.module.js';

/** A worker in this process. A profile whose workers are processes of their own leaves this module out. */
@Module({ imports: [QueueModule], providers: [EmbeddedWorker] })
export class WorkerModule {}
