import path from 'node:path';
import { startKafka } from './kafka.js';
import { freeLoopbackPort } from './loopback.js';
import { startMongo } from './mongo.js';
import { startRedis } from './redis.js';
import type { RunningServer } from './running-server.js';
import { s3Access, startS3 } from './s3.js';
import { Toxiproxy, type Link } from './toxiproxy.js';

export const serverNames = ['mongo', 'kafka', 'redis', 's3'] as const;
export type ServerName = (typeof serverNames)[number];

export type ClusterServers = {
  readonly servers: Readonly<Record<ServerName, RunningServer>>;
  /** The settings with which a service finds them. */
  readonly env: Readonly<Record<string, string>>;
  /** This S3 keeps objects as files below their bucket, so that a test can look for leftovers. */
  readonly objectsDir: string;
  /** With `breakable` only: the services reach the servers through these. */
  readonly links?: Readonly<Record<ServerName, Link>>;
  stop(): Promise<void>;
};

/** All servers that the cluster profile needs, with their data below a folder. */
export async function startClusterServers({
  dataDir,
  breakable = false,
}: {
  readonly dataDir: string;
  readonly breakable?: boolean;
}): Promise<ClusterServers> {
  const folder = (name: ServerName) => ({ dataDir: path.join(dataDir, name) });
  const brokerLinkPort = breakable ? await freeLoopbackPort() : undefined;
  const starting = {
    mongo: startMongo(folder('mongo')),
    kafka: startKafka({ ...folder('kafka'), ...(brokerLinkPort === undefined ? {} : { advertisedPort: brokerLinkPort }) }),
    redis: startRedis(folder('redis')),
    s3: startS3(folder('s3')),
  };
  const servers = await allOrNone(starting);
  const stopServers = () => Promise.all(Object.values(servers).map((server) => server.stop())).then(() => undefined);
  const objectsDir = path.join(folder('s3').dataDir, s3Access.bucket);
  if (brokerLinkPort === undefined)
    return {
      servers,
      env: settings(servers.mongo.url, servers.kafka.url, servers.redis.url, servers.s3.url),
      objectsDir,
      stop: stopServers,
    };
  const { links, proxy } = await linked(servers, brokerLinkPort);
  // A client of a replica set would go around the proxy to the address that the set knows itself by.
  const mongoUrl = `mongodb://${links.mongo.address}/tessera?directConnection=true`;
  const env = settings(mongoUrl, links.kafka.address, `redis://${links.redis.address}`, `http://${links.s3.address}`);
  return { servers, env, objectsDir, links, stop: () => Promise.all([stopServers(), proxy.stop()]).then(() => undefined) };
}

const settings = (mongoUrl: string, kafkaBrokers: string, redisUrl: string, s3Endpoint: string): Record<string, string> => ({
  TESSERA_PROFILE: 'cluster',
  TESSERA_MONGO_URL: mongoUrl,
  TESSERA_KAFKA_BROKERS: kafkaBrokers,
  TESSERA_REDIS_URL: redisUrl,
  TESSERA_S3_ENDPOINT: s3Endpoint,
  TESSERA_S3_REGION: s3Access.region,
  TESSERA_S3_BUCKET: s3Access.bucket,
  TESSERA_S3_ACCESS_KEY_ID: s3Access.accessKeyId,
  TESSERA_S3_SECRET_ACCESS_KEY: s3Access.secretAccessKey,
});

async function linked(
  servers: Readonly<Record<ServerName, RunningServer>>,
  brokerLinkPort: number,
): Promise<{ links: Record<ServerName, Link>; proxy: Toxiproxy }> {
  const proxy = await Toxiproxy.start();
  const hostOf = (url: string) => (URL.canParse(url) && new URL(url).host) || url;
  const links = {
    mongo: await proxy.link('mongo', hostOf(servers.mongo.url)),
    kafka: await proxy.link('kafka', servers.kafka.url, brokerLinkPort),
    redis: await proxy.link('redis', hostOf(servers.redis.url)),
    s3: await proxy.link('s3', hostOf(servers.s3.url)),
  };
  return { links, proxy };
}

/** When one does not start, the others must not be left running. */
async function allOrNone(starting: Record<ServerName, Promise<RunningServer>>): Promise<Record<ServerName, RunningServer>> {
  const settled = await Promise.allSettled(Object.values(starting));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(settled.map((result) => (result.status === 'fulfilled' ? result.value.stop() : undefined)));
    throw failed.reason;
  }
  return { mongo: await starting.mongo, kafka: await starting.kafka, redis: await starting.redis, s3: await starting.s3 };
}
