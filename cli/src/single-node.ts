import { host } from '@tessera/host/host.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import type { Config } from '@tessera/platform/config.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { Installation } from '@tessera/service-gateway/start/installation.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { training } from '@tessera/service-training/training.module.js';
import { worker } from '@tessera/service-worker/worker.module.js';

export type SingleNode = {
  readonly url: string;
  readonly grpcUrl: string;
  readonly installation: { readonly ownerAccountId: string; readonly mintedKey?: string };
  close(): Promise<void>;
};

/** Every service but the worker; the one list of definitions, as `services.ts` of libs/host is the one of facts. */
const definitions: readonly ServiceDefinition[] = [billing, storage, jobs, generation, training, gateway];

/** Without a worker in this process, workers of their own must run what it queues. */
const hasWorker = ({ embeddedWorker, profile }: Config): boolean => embeddedWorker ?? profile === 'single';

/** All services in this process: the default profile, and the product's front door. */
export async function startSingleNode(config: Config): Promise<SingleNode> {
  // The worker last: it claims as soon as it has started.
  const hosted = await host([...definitions, ...(hasWorker(config) ? [worker] : [])], config);
  return {
    url: hosted.url,
    grpcUrl: hosted.grpcAddress ?? '',
    installation: hosted.app.get(Installation),
    close: () => hosted.close(),
  };
}
