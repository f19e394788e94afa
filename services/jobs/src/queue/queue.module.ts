import { Module } from '@nestjs/common';
import { PoolSignals } from '../scaling/pool-signals.js';
import { JobFeed } from '../watch/job-feed.js';
import { UpdateChannels } from '../watch/update-channels.js';
import { DeletedKeys } from './deleted-keys.js';
import { Jobs } from './jobs.js';
import { Queue } from './queue.js';

/** What all rooms of the service share. */
@Module({
  providers: [DeletedKeys, JobFeed, Jobs, PoolSignals, Queue, UpdateChannels],
  exports: [DeletedKeys, JobFeed, Jobs, PoolSignals, Queue],
})
export class QueueModule {}
