import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment, parseConfig } from './config.js';

describe('configuration', () => {
  it('reads the environment and lets the command line win', () => {
    const config = configFromEnvironment(
      { TESSERA_DATA: '/data', TESSERA_HTTP_PORT: '9000', TESSERA_ENGINE: 'onnx' },
      { engine: 'noop', httpHost: undefined },
    );
    expect(config).toMatchObject({ dataDir: '/data', httpPort: 9000, engine: 'noop', httpHost: '127.0.0.1' });
  });

  it('reads peers', () => {
    expect(configFromEnvironment({ TESSERA_PEERS: 'billing=127.0.0.1:9001, storage=10.0.0.2:9002' }).peers).toEqual({
      billing: '127.0.0.1:9001',
      storage: '10.0.0.2:9002',
    });
  });

  it.each([
    [{ dataDir: '/d', engine: 'magic' }, 'engine'],
    [{ dataDir: '/d', httpPort: 70_000 }, 'httpPort'],
    [{ dataDir: '/d', apiKey: 'short' }, 'apiKey'],
    [{ dataDir: '/d', publicUrl: 'nowhere' }, 'publicUrl'],
    [{ dataDir: '' }, 'dataDir'],
  ])('names the setting that is wrong in %j', (input, name) => {
    expect(() => parseConfig(input)).toThrow(`Setting ${name}:`);
  });

  const cluster = {
    TESSERA_PROFILE: 'cluster',
    TESSERA_MONGO_URL: 'mongodb://tessera:hidden@db:27017/tessera?replicaSet=rs0',
    TESSERA_KAFKA_BROKERS: 'kafka-0:9092, kafka-1:9092',
    TESSERA_REDIS_URL: 'redis://:hidden@cache:6379',
    TESSERA_S3_ENDPOINT: 'http://s3:9000',
    TESSERA_S3_BUCKET: 'tessera',
    TESSERA_S3_ACCESS_KEY_ID: 'id',
    TESSERA_S3_SECRET_ACCESS_KEY: 'hidden',
  };

  it('reads the servers of the cluster profile', () => {
    expect(configFromEnvironment(cluster)).toMatchObject({
      profile: 'cluster',
      mongoUrl: cluster.TESSERA_MONGO_URL,
      kafkaBrokers: ['kafka-0:9092', 'kafka-1:9092'],
      redisUrl: cluster.TESSERA_REDIS_URL,
      s3: { endpoint: 'http://s3:9000', region: 'us-east-1', bucket: 'tessera', accessKeyId: 'id', secretAccessKey: 'hidden' },
    });
  });

  it('takes Amazon’s own S3 and a role where neither a server nor a key is named', () => {
    const { TESSERA_S3_ENDPOINT: _, TESSERA_S3_ACCESS_KEY_ID: _id, TESSERA_S3_SECRET_ACCESS_KEY: _secret, ...rest } = cluster;
    expect(configFromEnvironment(rest).s3).toEqual({ region: 'us-east-1', bucket: 'tessera' });
  });

  it.each(['TESSERA_S3_BUCKET', 'TESSERA_S3_ACCESS_KEY_ID', 'TESSERA_S3_SECRET_ACCESS_KEY'])(
    'says what is missing of S3 without %s',
    (name) => {
      const { [name]: _, ...rest } = cluster as Record<string, string>;
      expect(() => configFromEnvironment(rest)).toThrow(/Setting s3\.\w+:/);
    },
  );

  it('leaves it to the services that use them to ask for their servers', () => {
    expect(configFromEnvironment({ TESSERA_PROFILE: 'cluster' })).toMatchObject({ profile: 'cluster' });
  });

  it('needs no server in the single profile', () => {
    expect(configFromEnvironment({})).toMatchObject({ profile: 'single' });
    expect(configFromEnvironment({ TESSERA_PROFILE: 'single' }).redisUrl).toBeUndefined();
  });

  it.each([
    ['TESSERA_MONGO_URL', 'postgres://user:hidden@db'],
    ['TESSERA_REDIS_URL', 'user:hidden@cache'],
    ['TESSERA_S3_ENDPOINT', 'hidden s3'],
    ['TESSERA_KAFKA_PASSWORD', 'hidden'],
  ])('does not repeat what was wrong with %s, for it may hold a password', (name, value) => {
    const complaint = (() => {
      try {
        configFromEnvironment({ ...cluster, [name]: value });
        return 'none';
      } catch (error) {
        return String(error);
      }
    })();
    expect(complaint).toContain('Setting ');
    expect(complaint).not.toContain('hidden');
  });
});
