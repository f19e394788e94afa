import { runService } from '@tessera/host/run-service.js';
import { training } from './training.module.js';

await runService(training);
