import { SystemClock } from '@tessera/platform/clock.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { AccountDocuments } from './account.documents.js';
import { AccountStore } from './account.store.js';
import { Accounts } from '../../accounts/accounts.js';
import { hourMs, twoPictures } from '../../billing.fixture.js';
import { PriceList } from '../../catalogue/catalogue.js';
import { JobWallets } from '../../holds/job-wallets.js';
import { Reservations } from '../../holds/reservations.js';

/** Reserves and settles for as long as it lives, sixteen jobs at a time, and says on stdout what has been acknowledged. */
const [dataDir = '', run = ''] = process.argv.slice(2);
const { documents } = await openDocuments({ dataDir });
const store = new AccountStore(new AccountDocuments(documents));
const clock = new SystemClock();
const prices = PriceList.bundled();
const wallets = new JobWallets(store, prices, clock);
const reservations = new Reservations(store, prices, clock, wallets);
await new Accounts(store, prices, clock, wallets).open('acme', 'owner');

async function client(name: number): Promise<never> {
  for (let n = 0; ; n++) {
    const jobId = `run-${run}-${name}-${n}`;
    await reservations.reserve('acme', jobId, twoPictures, clock.now() + hourMs);
    process.stdout.write(`held ${jobId}\n`);
    await reservations.settle('acme', jobId, 1 + (n % 2));
    process.stdout.write(`settled ${jobId}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, name) => client(name)));
