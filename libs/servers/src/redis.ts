import path from 'node:path';
import { libraryPath, unpackDebianPackages } from './debian-packages.js';
import { answers } from './loopback.js';
import type { Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

/** The server and the libraries that Debian links it with. */
const packages = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblua5.1-0', 'liblzf1', 'lua-cjson', 'lua-bitop'];

const options = ({ port }: Launch, dir: string, bind: string) => [
  '--bind',
  bind,
  '--port',
  String(port),
  '--dir',
  dir,
  '--appendonly',
  'yes',
  '--appendfsync',
  'everysec',
  '--save',
  '',
  '--protected-mode',
  'no',
];

/** Redis 7, alone, with an append-only file. */
export const redisRecipe = {
  name: 'redis',
  native: {
    installation: 'redis-debian-1',
    program: 'redis-server',
    needs: 'redis-server, or run this on a system with apt-get',
    install: (folder) => unpackDebianPackages(folder, packages),
    async command({ installation, ...launch }) {
      const args = options(launch, launch.dataDir, '127.0.0.1');
      if ('program' in installation) return { program: installation.program, args };
      const { folder } = installation;
      return { program: path.join(folder, 'usr', 'bin', 'redis-server'), args, env: { LD_LIBRARY_PATH: await libraryPath(folder) } };
    },
  },
  docker: { image: 'redis:7.2-alpine', command: (launch) => ['redis-server', ...options(launch, '/data', '0.0.0.0')] },
  url: (port) => `redis://127.0.0.1:${port}`,
  isReady: (port) => answers(port, 'PING\r\n', '+PONG'),
} satisfies ServerRecipe;

export const startRedis = (options?: ServerOptions): Promise<RunningServer> => startServer(redisRecipe, options);
