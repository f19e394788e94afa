import type { Config } from '@tessera/platform/config.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { Installation } from '@tessera/service-gateway/installation.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { host } from './host.js';

export type SingleNode = {
  readonly url: string;
  readonly grpcUrl: string;
  readonly installation: { readonly ownerAccountId: string; readonly mintedKey?: string };
  close(): Promise<void>;
};

/** All services in this process: the default profile. */
export async function startSingleNode(config: Config): Promise<SingleNode> {
  const hosted = await host([billing, storage, generation, gateway], config);
  return {
    url: hosted.url,
    grpcUrl: hosted.grpcAddress ?? '',
    installation: hosted.app.get(Installation),
    close: () => hosted.close(),
  };
}
