import { configFromEnvironment } from '@tessera/platform/config.js';
import { dropBootGarbage } from './boot-garbage.js';
import { host } from './host.js';
import type { ServiceDefinition } from './service-definition.js';

/** Runs one service as a process of its own, configured by the environment, until SIGTERM or SIGINT. */
export async function runService(service: ServiceDefinition): Promise<void> {
  const config = configFromEnvironment(process.env);
  const hosted = await host([service], config);
  dropBootGarbage();
  hosted.ports.logger.info({ service: service.name, url: hosted.url, grpc: hosted.grpcAddress }, 'ready');
  process.stdout.write(`${JSON.stringify({ ready: service.name, url: hosted.url, grpc: hosted.grpcAddress })}\n`);
  const stop = () => void hosted.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
