import path from 'node:path';
import { startKafka } from '@tessera/servers/kafka.js';
import { startMongo } from '@tessera/servers/mongo.js';
import { startRedis } from '@tessera/servers/redis.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { s3Access, startS3 } from '@tessera/servers/s3.js';

type Servers = { readonly env: Record<string, string>; readonly objectsDir: string; readonly running: readonly RunningServer[] };

/** They outlive the services of a data folder, as in a cluster: a restart finds them as it left them. */
const started = new Map<string, Promise<Servers>>();

/** Starts the servers that belong to a data folder, unless they run, and tells how a service finds them. */
export function clusterServers(dataDir: string): Promise<Servers> {
  const servers = started.get(dataDir) ?? start(dataDir);
  started.set(dataDir, servers);
  return servers;
}

export async function stopServers(dataDir: string): Promise<void> {
  const servers = started.get(dataDir);
  started.delete(dataDir);
  await Promise.all((await servers)?.running.map((server) => server.stop()) ?? []);
}

async function start(dataDir: string): Promise<Servers> {
  const s3Dir = path.join(dataDir, 's3');
  const running = await Promise.all([startMongo(), startKafka(), startRedis(), startS3({ dataDir: s3Dir })]);
  const [mongo, kafka, redis, s3] = running;
  const env = {
    TESSERA_PROFILE: 'cluster',
    TESSERA_MONGO_URL: mongo.url,
    TESSERA_KAFKA_BROKERS: kafka.url,
    TESSERA_REDIS_URL: redis.url,
    TESSERA_S3_ENDPOINT: s3.url,
    TESSERA_S3_REGION: s3Access.region,
    TESSERA_S3_BUCKET: s3Access.bucket,
    TESSERA_S3_ACCESS_KEY_ID: s3Access.accessKeyId,
    TESSERA_S3_SECRET_ACCESS_KEY: s3Access.secretAccessKey,
  };
  // This S3 keeps objects as files below their bucket, so that a test can look for leftovers in one way.
  return { env, objectsDir: path.join(s3Dir, s3Access.bucket), running };
}
