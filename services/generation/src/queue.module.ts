import { Module } from '@nestjs/common';
import { ImageQueue } from './image-queue.js';
import { JobFeed } from './job-feed.js';
import { PoolNews } from './pool-news.js';

/** What the service's calls and its worker share. */
@Module({ providers: [ImageQueue, JobFeed, PoolNews], exports: [ImageQueue, JobFeed, PoolNews] })
export class QueueModule {}
