import { runService } from '@tessera/host/run-service.js';
import { generation } from './generation.module.js';

await runService(generation);
