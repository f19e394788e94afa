import { createServer, type ServerResponse } from 'node:http';
import { readinessOf, type HealthChecks } from '@tessera/platform/health.js';
import { metricsContentType, metricsText } from '@tessera/platform/telemetry/metrics.js';

export type HealthServer = {
  readonly port: number;
  /** From here on the process may be ready; before it has started and once it stops it is not. */
  started(): void;
  stopping(): void;
  close(): Promise<void>;
};

type Answer = { readonly status: number; readonly type: string; readonly body: string };

const json = (status: number, body: unknown): Answer => ({ status, type: 'application/json; charset=utf-8', body: JSON.stringify(body) });

/** `/healthz`, `/readyz` and `/metrics` on a port of their own, 0 for a free one: reachable for probes and scrapers where nothing else of a service is, and from the first moment of a start on. */
export async function serveHealth(port: number, hostName: string, health: HealthChecks): Promise<HealthServer> {
  let phase: 'starting' | 'serving' | 'stopping' = 'starting';
  const answers: Record<string, () => Promise<Answer>> = {
    // Any answer proves that the event loop runs.
    '/healthz': async () => json(200, { status: 'ok' }),
    '/readyz': async () => {
      if (phase !== 'serving') return json(503, { status: phase, checks: {} });
      const readiness = await readinessOf(health);
      return json(readiness.status === 'not_ready' ? 503 : 200, readiness);
    },
    '/metrics': async () => ({ status: 200, type: metricsContentType, body: await metricsText() }),
  };
  const server = createServer((request, response) => {
    const answer =
      answers[(request.url ?? '').split('?', 1)[0] ?? ''] ?? (async () => json(404, { status: 'unknown', paths: Object.keys(answers) }));
    void answer().then(
      (given) => send(response, given),
      () => send(response, json(500, { status: 'failed' })),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, hostName, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    started: () => (phase = 'serving'),
    stopping: () => (phase = 'stopping'),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
