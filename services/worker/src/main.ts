import { runService } from '@tessera/host/run-service.js';
import { worker } from './worker.module.js';

await runService(worker);
