import { runService } from '@tessera/host/run-service.js';
import { storage } from './storage.module.js';

await runService(storage);
