import { AccountService } from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { CatalogueService } from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import { PaymentService } from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import { ReconciliationService } from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import { ReportService } from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import { GenerationService, WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';

/** Which contracts answer behind a peer's address. */
const contractsByPeer: Record<string, readonly string[]> = {
  billing: [BillingService, AccountService, ReportService, CatalogueService, PaymentService, ReconciliationService].map(({ typeName }) => typeName),
  generation: [GenerationService.typeName, WorkerService.typeName],
  storage: [StorageService.typeName],
};

/** `{ billing: 'host:port' }` to full service names. Throws a sentence that names an unknown peer. */
export function addressesOf(peers: Readonly<Record<string, string>>): Map<string, string> {
  const addresses = new Map<string, string>();
  for (const [peer, address] of Object.entries(peers)) {
    const contracts = contractsByPeer[peer];
    if (!contracts) throw new Error(`TESSERA_PEERS names "${peer}"; known are ${Object.keys(contractsByPeer).join(', ')}.`);
    for (const contract of contracts) addresses.set(contract, address);
  }
  return addresses;
}
