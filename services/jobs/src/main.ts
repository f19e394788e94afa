import { runService } from '@tessera/host/run-service.js';
import { jobs } from './jobs.module.js';

await runService(jobs);
