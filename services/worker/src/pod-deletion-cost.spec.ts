import { once } from 'node:events';
import fs from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@tessera/platform/logger.js';
import { loopbackCertificate, loopbackKey } from '@tessera/servers/loopback-certificate.js';
import { podAccess, PodDeletionCost } from './pod-deletion-cost.js';

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
type Report = {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly type: string | undefined;
  readonly cost: string;
};

/** Answers as the API of Kubernetes does, as far as a pod's own annotation goes. */
class KubernetesApi {
  readonly reports: Report[] = [];
  statuses: number[] = [];
  #onReport: () => void = () => {};
  readonly #server: Server = createServer(
    { key: loopbackKey, cert: loopbackCertificate },
    (request, response) => void this.#take(request).then(() => response.writeHead(this.statuses.shift() ?? 200).end('{}')),
  );

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async received(count: number): Promise<void> {
    while (this.reports.length < count) await new Promise<void>((resolve) => (this.#onReport = resolve));
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<void> {
    const body = JSON.parse(Buffer.concat((await request.toArray()) as Buffer[]).toString()) as {
      metadata: { annotations: Record<string, string> };
    };
    this.reports.push({
      method: request.method,
      url: request.url,
      token: request.headers.authorization,
      type: request.headers['content-type'],
      cost: body.metadata.annotations[annotation]!,
    });
    this.#onReport();
  }
}

describe('the cost of deleting a pod', () => {
  let folder: string;
  let api: KubernetesApi;
  let url: string;
  const logger = createLogger('silent', 'worker');
  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-pod-'));
    await Promise.all([
      fs.writeFile(path.join(folder, 'namespace'), 'tessera\n'),
      fs.writeFile(path.join(folder, 'ca.crt'), loopbackCertificate),
      fs.writeFile(path.join(folder, 'token'), 'first\n'),
    ]);
    api = new KubernetesApi();
    url = await api.start();
  });
  afterEach(async () => {
    await api.stop();
    await fs.rm(folder, { recursive: true, force: true });
  });
  const open = async (everyMs = 1) => new PodDeletionCost((await podAccess(folder, url, 'worker-0'))!, logger, everyMs);

  it('is what the worker has in hand, reported to the pod itself with its token', async () => {
    const cost = await open();
    cost.holds(3);
    await api.received(1);
    await cost.close();
    expect(api.reports).toEqual([
      {
        method: 'PATCH',
        url: '/api/v1/namespaces/tessera/pods/worker-0',
        token: 'Bearer first',
        type: 'application/merge-patch+json',
        cost: '3',
      },
    ]);
  });

  it('is reported once for changes that come in a row, with the newest value and the newest token', async () => {
    const cost = await open();
    cost.holds(1);
    cost.holds(2);
    cost.holds(5);
    await api.received(1);
    await fs.writeFile(path.join(folder, 'token'), 'second');
    await api.received(2);
    await cost.close();
    expect(api.reports.map(({ token, cost }) => [token, cost])).toEqual([
      ['Bearer first', '1'],
      [expect.any(String), '5'],
    ]);
  });

  it('is reported again when Kubernetes has refused it', async () => {
    api.statuses = [403, 500];
    const cost = await open();
    cost.holds(4);
    await api.received(3);
    await cost.close();
    expect(api.reports.map(({ cost }) => cost)).toEqual(['4', '4', '4']);
  });

  it('is not reported to a server whose certificate is not the one of the cluster', async () => {
    await fs.writeFile(path.join(folder, 'ca.crt'), '');
    const cost = await open(60_000);
    cost.holds(1);
    await cost.close();
    expect(api.reports).toEqual([]);
  });

  it('is not reported outside of Kubernetes', async () => {
    const cost = new PodDeletionCost(await podAccess(path.join(folder, 'nothing'), url), logger, 1);
    cost.holds(1);
    await cost.close();
    expect(api.reports).toEqual([]);
  });
});
