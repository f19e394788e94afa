import path from 'node:path';
import { CreateBucketCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { runProgram } from './installations.js';
import type { Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

const version = 'v1.8.0';

/** What a client needs beside the address: of a server that listens on the loopback address only. */
export const s3Access = { region: 'us-east-1', bucket: 'tessera', accessKeyId: 'tessera', secretAccessKey: 'tessera-secret' } as const;
const credentials = { ROOT_ACCESS_KEY: s3Access.accessKeyId, ROOT_SECRET_KEY: s3Access.secretAccessKey };

const options = ({ port }: Launch, host: string, folder: string) => [
  '--port',
  `${host}:${port}`,
  '--region',
  s3Access.region,
  '--cors-allow-origin',
  '*',
  '--keep-alive',
  '--quiet',
  'posix',
  folder,
];

/** Versity's S3 gateway over a folder, with one empty bucket. Its description of an object lies in the file's extended attributes, so the data folder's file system must have them. */
export const s3Recipe = {
  name: 's3',
  native: {
    installation: `versitygw-${version}`,
    program: 'versitygw',
    needs: 'Go 1.25 or newer, which builds it in two minutes',
    async install(folder) {
      await runProgram('go', ['install', '-trimpath', '-ldflags=-s -w', `github.com/versity/versitygw/cmd/versitygw@${version}`], {
        env: { GOBIN: folder },
      });
    },
    async command({ installation, ...launch }) {
      const program = 'program' in installation ? installation.program : path.join(installation.folder, 'versitygw');
      return { program, args: options(launch, '127.0.0.1', launch.dataDir), env: credentials };
    },
  },
  docker: { image: `versity/versitygw:${version}`, command: (launch) => options(launch, '0.0.0.0', '/data'), env: () => credentials },
  url: (port) => `http://127.0.0.1:${port}`,
  isReady: (port) =>
    fetch(`http://127.0.0.1:${port}/`).then(
      async (response) => {
        await response.body?.cancel();
        return true;
      },
      () => false,
    ),
  prepare: (port) => createBucket(`http://127.0.0.1:${port}`),
} satisfies ServerRecipe;

async function createBucket(endpoint: string): Promise<void> {
  const client = new S3Client({ endpoint, region: s3Access.region, forcePathStyle: true, credentials: s3Access });
  try {
    await client.send(new CreateBucketCommand({ Bucket: s3Access.bucket }));
  } catch (error) {
    if (!(error instanceof S3ServiceException && error.name.startsWith('BucketAlready'))) throw error;
  } finally {
    client.destroy();
  }
}

export const startS3 = (options?: ServerOptions): Promise<RunningServer> => startServer(s3Recipe, options);
