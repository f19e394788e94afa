import { configFromEnvironment } from '@tessera/platform/config.js';
import { startSingleNode } from '../single-node.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { checkoutSettings, dataFolder } from '../places.js';
import { announceServer, withdrawServer } from '../server-file.js';
import { stopOnSignal } from '../stop-on-signal.js';
import { formatSeconds } from '../texts.js';

export type UpOptions = {
  readonly port?: string;
  readonly grpcPort?: string;
  readonly host?: string;
  readonly publicUrl?: string;
  readonly engine?: string;
  readonly models?: string;
  readonly logLevel?: string;
  readonly data?: string;
  /** Every service as a process of its own, on real servers. */
  readonly cluster?: boolean;
};

/** Runs until it is told to stop. */
export async function up(options: UpOptions): Promise<void> {
  const dataDir = dataFolder(options.data);
  const config = settings(dataDir, options);
  const server = await startSingleNode(config).catch((error: unknown) => {
    throw startFailure(error);
  });
  announceServer(dataDir, { url: server.url, grpcUrl: server.grpcUrl, pid: process.pid, startedMs: Date.now() });
  const stop = async () => {
    withdrawServer(dataDir, process.pid);
    await server.close();
  };
  stopOnSignal(stop);
  process.stdout.write(greeting(server, dataDir, config.consoleDir !== undefined));
}

function settings(dataDir: string, options: UpOptions) {
  const { port, grpcPort, host, publicUrl, engine, models, logLevel } = options;
  try {
    return configFromEnvironment(process.env, {
      dataDir,
      httpPort: port,
      grpcPort,
      httpHost: host,
      grpcHost: host,
      publicUrl,
      engine,
      logLevel,
      ...checkoutSettings(dataDir, models),
    });
  } catch (error) {
    throw new CommandFailure(error instanceof Error ? error.message : String(error), exitCodes.refused, 'See `tessera up --help`.');
  }
}

function startFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  // gRPC tells it in its message only.
  const taken = code === 'EADDRINUSE' ? port : /EADDRINUSE.*:(\d+)/.exec(error.message)?.[1];
  if (taken !== undefined)
    return new CommandFailure(
      `Port ${taken} is taken by another program.`,
      exitCodes.failed,
      'Choose another with --port or --grpc-port; 0 picks a free one.',
    );
  if (code === 'EACCES')
    return new CommandFailure(
      `Not allowed: ${error.message}`,
      exitCodes.failed,
      'Choose a folder that you may write to with --data, and a port above 1023.',
    );
  return error;
}

function greeting(
  server: { url: string; grpcUrl: string; installation: { mintedKey?: string } },
  dataDir: string,
  hasConsole: boolean,
): string {
  const { mintedKey } = server.installation;
  const lines = [
    `Tessera is ready in ${formatSeconds(performance.now())} s`,
    ...(hasConsole ? [`  console  ${server.url}/`] : []),
    `  REST     ${server.url}/api/rest/v1   described at ${server.url}/docs`,
    `  gRPC     ${server.grpcUrl}`,
    `  data     ${dataDir}`,
    ...(mintedKey
      ? [`  key      ${mintedKey}   the owner's; shown this once, and kept in ${dataDir}/owner-key for commands on this machine`]
      : []),
    'Ctrl-C stops it.',
  ];
  return `${lines.join('\n')}\n`;
}
