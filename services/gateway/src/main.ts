import { runService } from '@tessera/host/run-service.js';
import { gateway } from './gateway.module.js';

await runService(gateway);
