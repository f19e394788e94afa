import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { pause } from '@tessera/platform/concurrency/pause.js';
import type { Logger } from '@tessera/platform/logger.js';

/** Where Kubernetes puts what a pod may show to its API. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const apiUrl = 'https://kubernetes.default.svc';
/** https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost */
const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const answerWithinMs = 5_000;
/** Kubernetes asks that not every change is reported: a deployment that scales down looks once in a while. */
const reportEveryMs = 5_000;

export type PodAccess = {
  readonly apiUrl: string;
  readonly namespace: string;
  readonly podName: string;
  readonly certificates: string;
  readonly folder: string;
};

/** None outside of Kubernetes, or where the pod has no account to speak with. */
export async function podAccess(folder = accountFolder, url = apiUrl, podName = os.hostname()): Promise<PodAccess | undefined> {
  try {
    const [namespace, certificates] = await Promise.all(['namespace', 'ca.crt'].map((name) => readFile(path.join(folder, name), 'utf8')));
    return { apiUrl: url, namespace: namespace?.trim() ?? '', podName, certificates: certificates ?? '', folder };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reports to Kubernetes what deleting this pod would cost: a deployment that scales down takes the pods with the lowest cost first, so those with jobs stay. Without access to Kubernetes it does nothing. */
export class PodDeletionCost {
  #wanted = 0;
  #reported: number | undefined;
  #reporting: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly access: PodAccess | undefined,
    private readonly logger: Logger,
    private readonly everyMs = reportEveryMs,
  ) {}

  /** What comes meanwhile is folded into the next call. */
  holds(jobs: number): void {
    if (this.access === undefined) return;
    this.#wanted = jobs;
    if (!this.#closing.signal.aborted) this.#reporting ??= this.#report(this.access).finally(() => (this.#reporting = undefined));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reporting;
  }

  async #report(access: PodAccess): Promise<void> {
    while (this.#wanted !== this.#reported && !this.#closing.signal.aborted) {
      const cost = this.#wanted;
      try {
        await patch(access, { metadata: { annotations: { [annotation]: String(cost) } } });
        this.#reported = cost;
      } catch (error) {
        // Scaling down then takes any pod, which drains: worse, not wrong.
        this.logger.warn({ err: error }, 'the cost of deleting this pod could not be reported; may its account patch pods?');
      }
      await pause(this.everyMs, this.#closing.signal);
    }
  }
}

/** The token is read anew each time: Kubernetes renews it in its file. */
async function patch({ apiUrl: base, namespace, podName, certificates, folder }: PodAccess, body: object): Promise<void> {
  const token = (await readFile(path.join(folder, 'token'), 'utf8')).trim();
  const url = new URL(`/api/v1/namespaces/${namespace}/pods/${podName}`, base);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' };
  await new Promise<void>((resolve, reject) => {
    const call = request(url, { method: 'PATCH', ca: certificates, headers, timeout: answerWithinMs }, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      response.once('end', () =>
        statusCode < 300 ? resolve() : reject(new Error(`Kubernetes answered ${statusCode} to PATCH ${url.pathname}`)),
      );
    });
    call.once('timeout', () => call.destroy(new Error(`Kubernetes did not answer within ${answerWithinMs} ms`)));
    call.once('error', reject);
    call.end(JSON.stringify(body));
  });
}
