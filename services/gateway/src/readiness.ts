import { Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { Installation } from './installation.js';
import { KeyStore } from './key.store.js';

const deadlineMs = 2_000;
const probeId = 'readiness';

/** Whether a request would find what it needs. */
@Injectable()
export class Readiness {
  constructor(
    private readonly keys: KeyStore,
    private readonly cache: Cache,
    private readonly rpc: Rpc,
    private readonly installation: Installation,
  ) {}

  async check(): Promise<Record<'documents' | 'cache' | 'billing' | 'generation', 'ok' | 'failed'>> {
    const accountId = this.installation.ownerAccountId;
    const [documents, cache, billing, generation] = await Promise.all([
      outcome(this.keys.get(probeId)),
      outcome(this.cache.get(probeId)),
      outcome(this.rpc.client(BillingService).getAccount({ accountId }, { deadlineMs })),
      outcome(this.rpc.client(GenerationService).listModels({}, { deadlineMs })),
    ]);
    return { documents, cache, billing, generation };
  }
}

const outcome = (probe: Promise<unknown>): Promise<'ok' | 'failed'> =>
  probe.then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
