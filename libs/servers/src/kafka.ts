import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './installations.js';
import { firstUsers, guard } from './kafka-guard.js';
import { answers, freeLoopbackPort } from './loopback.js';
import { loopbackCertificate } from './loopback-certificate.js';
import type { Command, Installation, Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

const kafkaVersion = '4.3.1';
const log4jVersion = '2.25.4';
const heap = '256m';

/** Kafka as its Maven artifact, with everything that it depends on; the distribution's archive is in no registry. */
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tessera</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${log4jVersion}</version></dependency>
</dependencies></project>
`;
const logging = `rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
`;

/** Broker and controller in one, with the internal topics as small as one node needs. */
function settings(
  listeners: { readonly broker: string; readonly advertised: string; readonly controller: string; readonly voter: string },
  logDir: string,
): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${listeners.voter}`,
    listeners: `PLAINTEXT://${listeners.broker},CONTROLLER://${listeners.controller}`,
    'advertised.listeners': `PLAINTEXT://${listeners.advertised}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    'offsets.topic.num.partitions': '3',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.segment.bytes': '67108864',
  };
}

function java(folder: string, mainClass: string, args: readonly string[]): Command {
  const flags = [
    `-Xms${heap}`,
    `-Xmx${heap}`,
    '-XX:+UseSerialGC',
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${path.join(folder, 'log4j2.properties')}`,
  ];
  return { program: 'java', args: [...flags, '-cp', path.join(folder, 'libs', '*'), mainClass, ...args] };
}

const starting = (installation: Installation, properties: string): Command =>
  'program' in installation
    ? { program: installation.program, args: [properties] }
    : java(installation.folder, 'kafka.Kafka', [properties]);

/** A log folder carries the name of its cluster before a broker takes it: once for each data folder. */
async function format(installation: Installation, properties: string, users: readonly string[]): Promise<void> {
  // Base64 for URLs has a dash, and an id that begins with one would be taken for an option.
  const clusterId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').replace(/^-/, 'A');
  const args = ['format', '-t', clusterId, '-c', properties, ...users];
  const { program, args: all } =
    'program' in installation
      ? { program: path.join(path.dirname(installation.program), 'kafka-storage.sh'), args }
      : java(installation.folder, 'kafka.tools.StorageTool', args);
  await runProgram(program, all);
}

type Reached = {
  /** Clients are sent there, to a proxy, once they have asked the broker where it is; absent: to itself. */
  readonly advertisedPort?: number | undefined;
  /** TLS and users at the broker's port, certificates of clients at this one; absent: plain text, without authentication. */
  readonly mutualPort?: number | undefined;
};

async function command(
  { installation, dataDir, port }: Launch & { readonly installation: Installation },
  { advertisedPort = port, mutualPort }: Reached = {},
): Promise<Command> {
  const broker = `127.0.0.1:${port}`;
  const controller = `127.0.0.1:${await freeLoopbackPort()}`;
  const logDir = path.join(dataDir, 'logs');
  const properties = path.join(dataDir, 'server.properties');
  const open = settings({ broker, advertised: `127.0.0.1:${advertisedPort}`, controller, voter: controller }, logDir);
  const guarded =
    mutualPort === undefined ? {} : await guard({ sasl: port, mutual: mutualPort, inside: await freeLoopbackPort() }, controller, dataDir);
  const lines = Object.entries({ ...open, ...guarded }).map(([name, value]) => `${name}=${value}\n`);
  await fs.writeFile(properties, lines.join(''));
  if (!existsSync(path.join(logDir, 'meta.properties')))
    await format(installation, properties, mutualPort === undefined ? [] : firstUsers());
  return starting(installation, properties);
}

/** The image takes settings as variables: `log.dirs` is KAFKA_LOG_DIRS. */
const variables = ({ port }: Launch): Record<string, string> =>
  Object.fromEntries(
    Object.entries(
      settings(
        { broker: `0.0.0.0:${port}`, advertised: `127.0.0.1:${port}`, controller: '127.0.0.1:9093', voter: '127.0.0.1:9093' },
        '/data/logs',
      ),
    ).map(([name, value]) => [`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`, value]),
  );

/** ApiVersions, version 0, from client `t`, and the head of an answer without error (https://kafka.apache.org/protocol#The_Messages_ApiVersions). */
const apiVersions = { question: '\0\0\0\x0b\0\x12\0\0\0\0\0\x01\0\x01t', answer: '\0\0\0\x01\0\0' };

/** Apache Kafka 4, one node. */
export const kafkaRecipe = {
  name: 'kafka',
  native: {
    installation: `kafka-${kafkaVersion}-1`,
    program: 'kafka-server-start.sh',
    needs: 'Java 17 and Maven, or Kafka itself',
    async install(folder) {
      await fs.writeFile(path.join(folder, 'pom.xml'), pom);
      await fs.writeFile(path.join(folder, 'log4j2.properties'), logging);
      await runProgram('java', ['-version']);
      await runProgram('mvn', [
        '-q',
        '-B',
        '-ntp',
        '-f',
        path.join(folder, 'pom.xml'),
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${path.join(folder, 'libs')}`,
      ]);
    },
    command: (launch) => command(launch),
  },
  docker: { image: 'apache/kafka:4.1.1', command: () => ['/etc/kafka/docker/run'], env: variables },
  /** No scheme: clients take `host:port`. */
  url: (port) => `127.0.0.1:${port}`,
  isReady: (port) => answers(port, apiVersions.question, apiVersions.answer),
} satisfies ServerRecipe;

/** @param advertisedPort clients are sent there, to a proxy, once they have asked the broker where it is; absent: to itself. Native only. */
export function startKafka({
  advertisedPort,
  ...options
}: ServerOptions & { readonly advertisedPort?: number } = {}): Promise<RunningServer> {
  return advertisedPort === undefined ? startServer(kafkaRecipe, options) : startServer(native({ advertisedPort }), options);
}

/** Accepts no connection without TLS, and at `url` only the users of `kafkaUsers`. Native only: the image cannot be given the certificate, for its files are those of its own machine. */
export async function startGuardedKafka(): Promise<RunningServer & { readonly mutualUrl: string }> {
  const mutualPort = await freeLoopbackPort();
  const recipe = native({ mutualPort });
  // Requests before authentication go through TLS as well.
  const server = await startServer({
    ...recipe,
    isReady: (port) => answers(port, apiVersions.question, apiVersions.answer, loopbackCertificate),
  });
  return { ...server, mutualUrl: kafkaRecipe.url(mutualPort) };
}

function native(reached: Reached): ServerRecipe {
  const { docker: _docker, ...recipe } = kafkaRecipe;
  return { ...recipe, native: { ...recipe.native, command: (launch) => command(launch, reached) } };
}
