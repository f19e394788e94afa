import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { register } from 'prom-client';

/** What probes ask: `/healthz` answers while the process lives, `/readyz` says whether it takes work, `/metrics` is for Prometheus. */
export async function serveHealth(host: string, port: number, isReady: () => boolean): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, body: string, contentType = 'application/json') => response.writeHead(status, { 'content-type': contentType }).end(body);
    if (request.url === '/healthz') answer(200, '{"status":"ok"}');
    else if (request.url === '/readyz') answer(isReady() ? 200 : 503, JSON.stringify({ status: isReady() ? 'ok' : 'unavailable' }));
    else if (request.url === '/metrics') void register.metrics().then((text) => answer(200, text, register.contentType));
    else answer(404, '{"error":"not found"}');
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
