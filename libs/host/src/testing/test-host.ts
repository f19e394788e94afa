import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { parseConfig, type ConfigInput } from '@tessera/platform/config.js';
import { createLogger } from '@tessera/platform/logger.js';
import type { RpcClient } from '@tessera/rpc/rpc.js';
import { host, type Hosted } from '../host.js';
import type { PortReplacements } from '../ports.js';
import type { ServiceDefinition } from '../service-definition.js';

export type TestHostOptions = {
  /** Beyond a silent process with the engine that answers at once, on free loopback ports and a temporary data folder. A folder that is given stays when the host closes. */
  readonly config?: Partial<Record<keyof ConfigInput, unknown>>;
  readonly replace?: PortReplacements;
};

export type TestHost = Hosted & {
  readonly dataDir: string;
  /** A provider of any service. */
  get<T>(token: abstract new (...parameters: never[]) => T): T;
  /** Reaches a service as other services reach it. */
  client<S extends DescService>(contract: S): RpcClient<S>;
};

/** The host that ships, with some ports replaced. */
export async function startTestHost(
  services: readonly ServiceDefinition[],
  { config: settings = {}, replace = {} }: TestHostOptions = {},
): Promise<TestHost> {
  const given = settings.dataDir as string | undefined;
  const dataDir = given ?? (await mkdtemp(path.join(os.tmpdir(), 'tessera-host-')));
  const removeFolder = async () => {
    if (given === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const config = parseConfig({ engine: 'noop', httpPort: 0, grpcPort: 0, logLevel: 'silent', ...settings, dataDir });
    const hosted = await host(services, config, { logger: createLogger('silent', 'spec'), ...replace });
    return {
      ...hosted,
      dataDir,
      get: (token) => hosted.app.get(token as never, { strict: false }),
      client: (contract) => hosted.ports.rpc.client(contract),
      async close() {
        await hosted.close();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
