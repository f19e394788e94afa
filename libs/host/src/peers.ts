import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { EconomyService } from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import { ExternalScaler } from '@tessera/contracts/externalscaler/externalscaler_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';

/** Which contracts answer behind a peer's address. */
const contractsByPeer: Record<string, readonly string[]> = {
  billing: [BillingService.typeName, EconomyService.typeName],
  jobs: [JobService.typeName, WorkerService.typeName, ExternalScaler.typeName],
  generation: [GenerationService.typeName],
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
