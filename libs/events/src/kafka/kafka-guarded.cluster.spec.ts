import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freshDatabase } from '@tessera/documents/mongo/fresh-database.fixture.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { configFromEnvironment } from '@tessera/platform/config.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startGuardedKafka, startKafka } from '@tessera/servers/kafka.js';
import { kafkaUsers } from '@tessera/servers/kafka-guard.js';
import { loopbackCertificate, loopbackKey } from '@tessera/servers/loopback-certificate.js';
import { startMongo } from '@tessera/servers/mongo.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { pino } from 'pino';
import { describeEventBusConformance } from '../event-bus.conformance.js';
import { collect, finished, publish } from '../event-bus.installation.js';
import { openEventBus } from '../open-event-bus.js';
import { kafkaInstallation } from './kafka-installation.fixture.js';

const logger = createLogger('silent', 'events');
let folder: string;
let mongo: RunningServer;
let kafka: Awaited<ReturnType<typeof startGuardedKafka>>;
let open: RunningServer;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-guarded-'));
  await Promise.all(
    Object.entries({ ca: loopbackCertificate, key: loopbackKey, stranger: rootCertificates[0]!, text: 'no certificate' }).map(
      ([name, text]) => fs.writeFile(path.join(folder, name), text),
    ),
  );
  [mongo, kafka, open] = await Promise.all([startMongo(), startGuardedKafka(), startKafka()]);
}, 300_000);
afterAll(async () => {
  await Promise.all([mongo.stop(), kafka.stop(), open.stop()]);
  await fs.rm(folder, { recursive: true });
});

const scram = kafkaUsers['scram-sha-512'];
describeEventBusConformance('Kafka with TLS and SCRAM', async () =>
  kafkaInstallation({
    mongoUrl: freshDatabase(mongo.url),
    broker: kafka.url,
    security: { ssl: { ca: loopbackCertificate }, sasl: { mechanism: 'scram-sha-512', ...scram } },
    logger,
  }),
);

type Variables = Readonly<Record<string, string>>;
const file = (name: string) => path.join(folder, name);
const asUser = (mechanism: keyof typeof kafkaUsers): Variables => ({
  SASL_MECHANISM: mechanism,
  USERNAME: kafkaUsers[mechanism].username,
  PASSWORD: kafkaUsers[mechanism].password,
});

/** A bus that is configured by the environment, as a service is; the names without their common beginning. */
async function openBusWith(variables: Variables, broker: string, log = logger) {
  const { kafka: settings } = configFromEnvironment(
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [`TESSERA_KAFKA_${name}`, value])),
  );
  const store = await openDocuments({ profile: 'cluster', mongoUrl: freshDatabase(mongo.url), logger });
  try {
    const bus = await openEventBus({ ...store, kafkaBrokers: [broker], kafka: settings, logger: log });
    const end = async () => {
      await bus.stop();
      await store.close();
    };
    return { bus, documents: store.documents, end };
  } catch (error) {
    await store.close();
    throw error;
  }
}

describe('a broker that lets in only whom it knows', () => {
  const known: [string, () => Variables, () => string][] = [
    ['a user by PLAIN', () => ({ CA_FILE: file('ca'), ...asUser('plain') }), () => kafka.url],
    ['a user by SCRAM', () => ({ CA_FILE: file('ca'), ...asUser('scram-sha-512') }), () => kafka.url],
    ['a certificate', () => ({ CA_FILE: file('ca'), CERT_FILE: file('ca'), KEY_FILE: file('key') }), () => kafka.mutualUrl],
  ];
  it.each(known)('delivers to %s', async (_, variables, broker) => {
    const { bus, documents, end } = await openBusWith(variables(), broker());
    const seen = collect(bus, 'billing');
    await bus.start();
    await publish(documents, finished('ann', 'job-1'));
    await bus.drain();
    expect(seen).toEqual(['job-1']);
    await end();
  });

  const guessed = 'guessed-wrong';
  const strangers: [string, () => Variables, () => string, RegExp][] = [
    [
      'a wrong password by PLAIN',
      () => ({ CA_FILE: file('ca'), ...asUser('plain'), PASSWORD: guessed }),
      () => kafka.url,
      /refuses the user or the password: set TESSERA_KAFKA_USERNAME and TESSERA_KAFKA_PASSWORD/,
    ],
    [
      'a wrong password by SCRAM',
      () => ({ CA_FILE: file('ca'), ...asUser('scram-sha-512'), PASSWORD: guessed }),
      () => kafka.url,
      /refuses the user or the password/,
    ],
    [
      'a mechanism that is not offered',
      () => ({ CA_FILE: file('ca'), ...asUser('plain'), SASL_MECHANISM: 'scram-sha-256' }),
      () => kafka.url,
      /set TESSERA_KAFKA_SASL_MECHANISM to one that it does/,
    ],
    [
      'a certificate of the broker that nobody vouches for',
      () => ({ TLS: 'true', ...asUser('plain') }),
      () => kafka.url,
      /authority that is not known here: set TESSERA_KAFKA_CA_FILE/,
    ],
    [
      'a certificate of the broker that another authority vouches for',
      () => ({ CA_FILE: file('stranger'), ...asUser('plain') }),
      () => kafka.url,
      /authority that is not known here: set TESSERA_KAFKA_CA_FILE/,
    ],
    [
      'no certificate of the client',
      () => ({ CA_FILE: file('ca') }),
      () => kafka.mutualUrl,
      /set TESSERA_KAFKA_CERT_FILE and TESSERA_KAFKA_KEY_FILE/,
    ],
    [
      'a user where only certificates count',
      () => ({ CA_FILE: file('ca'), CERT_FILE: file('ca'), KEY_FILE: file('key'), ...asUser('plain') }),
      () => kafka.mutualUrl,
      /unset TESSERA_KAFKA_SASL_MECHANISM/,
    ],
    ['TLS where there is none', () => ({ TLS: 'true' }), () => open.url, /TESSERA_KAFKA_TLS/],
    ['no TLS where there is', () => ({}), () => kafka.url, /TESSERA_KAFKA_TLS/],
    ['nobody where a user is wanted', () => ({ CA_FILE: file('ca') }), () => kafka.url, /TESSERA_KAFKA_SASL_MECHANISM/],
  ];
  it.each(strangers)('fails the start with advice about %s, and without a password', async (_, variables, broker, sentence) => {
    const lines: string[] = [];
    const { bus, end } = await openBusWith(
      variables(),
      broker(),
      pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
    );
    const failure: unknown = await bus.start().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      reason: expect.stringMatching(/^broker_(refused|unavailable)$/),
      message: expect.stringMatching(sentence),
    });
    await end();
    for (const password of [guessed, kafkaUsers.plain.password, scram.password])
      expect(inspect(failure, { depth: null }) + lines.join('')).not.toContain(password);
  });

  const unusable: [string, () => Variables, RegExp][] = [
    ['an authority that is not there', () => ({ CA_FILE: file('nowhere') }), /^TESSERA_KAFKA_CA_FILE \(\S+\) cannot be read \(ENOENT\)/],
    ['an authority that is no certificate', () => ({ CA_FILE: file('text') }), /^TESSERA_KAFKA_CA_FILE \(\S+\) cannot be used/],
    ['a key that is none', () => ({ CERT_FILE: file('ca'), KEY_FILE: file('text') }), /TESSERA_KAFKA_KEY_FILE \(\S+\) cannot be used/],
    [
      'a certificate of another key',
      () => ({ CERT_FILE: file('stranger'), KEY_FILE: file('key') }),
      /TESSERA_KAFKA_CERT_FILE \(\S+\) with .* cannot be used/,
    ],
  ];
  it.each(unusable)('is not even asked with %s', async (_, variables, sentence) => {
    await expect(openBusWith(variables(), kafka.url)).rejects.toMatchObject({
      kind: 'FailedPrecondition',
      reason: 'kafka_certificate_unusable',
      message: expect.stringMatching(sentence),
    });
  });
});
