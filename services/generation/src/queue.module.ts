import { Module } from '@nestjs/common';
import { ImageQueue } from './image-queue.js';
import { JobFeed } from './job-feed.js';
import { Models } from './models.js';
import { PoolNews } from './pool-news.js';

/** What the service's calls and its worker share. */
@Module({ providers: [ImageQueue, JobFeed, Models, PoolNews], exports: [ImageQueue, JobFeed, Models, PoolNews] })
export class QueueModule {}
