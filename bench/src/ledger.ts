import 'reflect-metadata';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import { SystemClock } from '@tessera/platform/clock.js';
import { newId } from '@tessera/platform/ids.js';
import { AccountIds } from '@tessera/service-billing/accounts/account-ids.js';
import { AccountDocuments } from '@tessera/service-billing/ledger/store/account.documents.js';
import { AccountStore } from '@tessera/service-billing/ledger/store/account.store.js';
import { Accounts } from '@tessera/service-billing/accounts/accounts.js';
import { Audit } from '@tessera/service-billing/audit/audit.js';
import { PriceList } from '@tessera/service-billing/catalogue/catalogue.js';
import { JobWallets } from '@tessera/service-billing/holds/job-wallets.js';
import { PaymentAudit } from '@tessera/service-billing/payments/payment-audit.js';
import { PaymentDocuments } from '@tessera/service-billing/payments/payment.documents.js';
import { Reservations } from '@tessera/service-billing/holds/reservations.js';

/** Reserve+settle pairs per second, durable and hash-chained, on one hot account and on many, and how many fsyncs a pair takes. Ends within about half a minute. `bench/peers/medici` measures the same pairs with npm medici. */
const compute = { modelId: 'mosaic-3d', widthPx: 512, heightPx: 512, steps: 20, images: 2, superResolution: true, surcharges: [] };
const clients = 64;
const hourMs = 3_600_000;

const print = (line: string) => process.stdout.write(`${line}\n`);

const percentile = (sorted: readonly number[], share: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2).padStart(6);

type Ledger = { readonly store: OpenDocuments; readonly accounts: Accounts; readonly reservations: Reservations; readonly audit: Audit };

async function openLedger(dataDir: string): Promise<Ledger> {
  const store = await openDocuments({ dataDir });
  const documents = new AccountDocuments(store.documents);
  const accountStore = new AccountStore(documents);
  const prices = PriceList.bundled();
  const clock = new SystemClock();
  const wallets = new JobWallets(accountStore, prices, clock);
  return {
    store,
    accounts: new Accounts(accountStore, prices, clock, wallets),
    reservations: new Reservations(accountStore, prices, clock, wallets),
    audit: new Audit(accountStore, documents, new AccountIds(documents), new PaymentAudit(new PaymentDocuments(store.documents))),
  };
}

async function benchPairs({ store, accounts, reservations }: Ledger, title: string, accountCount: number, pairs: number): Promise<void> {
  const ids = Array.from({ length: accountCount }, (_, n) => `${title.replaceAll(' ', '-')}-${n}`);
  await Promise.all(ids.map((id) => accounts.open(id, 'owner')));
  const latenciesMs: number[] = [];
  const fsyncs = store.fsyncs();
  const startedMs = performance.now();
  let next = 0;
  const client = async () => {
    while (next < pairs) {
      const accountId = ids[next++ % accountCount] ?? '';
      const jobId = newId();
      const askedMs = performance.now();
      await reservations.reserve(accountId, jobId, compute, Date.now() + hourMs);
      await reservations.settle(accountId, jobId, 2);
      latenciesMs.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const elapsedMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const rate = Math.round((pairs / elapsedMs) * 1000)
    .toLocaleString('en')
    .padStart(7);
  const shared = ((store.fsyncs() - fsyncs) / pairs).toFixed(3);
  print(
    `${`${accountCount.toLocaleString('en')} ${title}, ${clients} clients`.padEnd(34)}${rate} pairs/s   p50 ${percentile(latenciesMs, 0.5)} ms   p99 ${percentile(latenciesMs, 0.99)} ms   ${shared} fsyncs/pair`,
  );
}

async function benchAudit({ audit }: Ledger): Promise<void> {
  const startedMs = performance.now();
  for await (const result of audit.run('', new AbortController().signal)) {
    if ('finding' in result) throw new Error(`The audit found ${JSON.stringify(result.finding)}.`);
    const { entries, findings } = result.summary;
    print(
      `audit                             ${Math.round((entries / (performance.now() - startedMs)) * 1000)
        .toLocaleString('en')
        .padStart(7)} entries/s of ${entries.toLocaleString('en')}, ${findings} findings`,
    );
  }
}

const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-bench-ledger-'));
const ledger = await openLedger(folder);
try {
  await benchPairs(ledger, 'warm-up account', 1, 2_000);
  await benchPairs(ledger, 'hot account', 1, 15_000);
  await benchPairs(ledger, 'accounts', 10_000, 20_000);
  await benchAudit(ledger);
} finally {
  await ledger.store.close();
  await fs.rm(folder, { recursive: true, force: true });
}
