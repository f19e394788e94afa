import { createServer } from 'node:net';

/** A port that is free now. Another process may take it before it is used; then the start fails with a sentence. */
export const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error(`No free port on ${host}.`))));
    });
  });
