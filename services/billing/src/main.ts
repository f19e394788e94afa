import { runService } from '@tessera/host/run-service.js';
import { billing } from './billing.module.js';

await runService(billing);
