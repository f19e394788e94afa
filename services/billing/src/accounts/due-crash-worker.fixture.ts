import { ManualClock } from '@tessera/platform/clock.js';
import { openBilling } from '../billing.fixture.js';

/** Does what is due at the given time and says so, entry by entry, on stdout. */
const [dataDir = '', nowMs = ''] = process.argv.slice(2);
const billing = await openBilling(dataDir, new ManualClock(Number(nowMs)));
billing.store.onEntry(({ operationId }) => process.stdout.write(`${operationId}\n`));
await billing.dueWork.sweep();
await billing.stop();
