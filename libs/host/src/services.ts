import { ExternalScaler } from '@tessera/contracts/externalscaler/externalscaler_pb.js';
import { AccountService } from '@tessera/contracts/tessera/billing/v1/accounts_pb.js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { CatalogueService } from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import { PaymentService } from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import { ReconciliationService } from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import { ReportService } from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import { BillingService as PublicBillingService } from '@tessera/contracts/tessera/gateway/v1/billing_pb.js';
import { CharacterService as PublicCharacterService } from '@tessera/contracts/tessera/gateway/v1/characters_pb.js';
import { DatasetService as PublicDatasetService } from '@tessera/contracts/tessera/gateway/v1/datasets_pb.js';
import { TesseraService } from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { WebhookService } from '@tessera/contracts/tessera/gateway/v1/webhooks_pb.js';
import { CharacterService } from '@tessera/contracts/tessera/generation/v1/characters_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DatasetService } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import type { ServiceFacts } from './service-definition.js';

/**
 * The services of an installation, in the order in which they start; they stop in the reverse one. What depends on which services there are (peers, processes, ports,
 * chart, documentation) derives from this list or is compared with it. It imports none of them: a service spreads its facts into its definition.
 */
export const services = {
  billing: {
    name: 'billing',
    contracts: [BillingService, AccountService, ReportService, CatalogueService, PaymentService, ReconciliationService],
    uses: ['documents', 'events'],
    calls: ['jobs'],
  },
  storage: { name: 'storage', contracts: [StorageService], uses: ['documents', 'events', 'objects'], calls: [] },
  jobs: {
    name: 'jobs',
    contracts: [JobService, WorkerService, ExternalScaler],
    uses: ['documents', 'events', 'cache'],
    calls: ['billing'],
  },
  generation: {
    name: 'generation',
    contracts: [GenerationService, CharacterService],
    uses: ['documents', 'models'],
    calls: ['billing', 'storage', 'jobs'],
  },
  training: { name: 'training', contracts: [DatasetService], uses: ['documents'], calls: ['billing', 'storage'] },
  gateway: {
    name: 'gateway',
    contracts: [],
    publicContracts: [TesseraService, PublicBillingService, PublicDatasetService, WebhookService, PublicCharacterService],
    uses: ['documents', 'events', 'cache'],
    calls: ['billing', 'storage', 'jobs', 'generation', 'training'],
  },
  worker: { name: 'worker', contracts: [], uses: ['engine'], calls: ['jobs', 'storage'] },
} as const satisfies Record<string, ServiceFacts>;

export type ServiceName = keyof typeof services;

export const serviceNames = Object.keys(services) as ServiceName[];

export const factsOf = (name: ServiceName): ServiceFacts => services[name];

/** Those that other services call, which is what `TESSERA_PEERS` may name. */
export const peerNames: readonly ServiceName[] = serviceNames.filter((name) => factsOf(name).contracts.length > 0);
