import { Client } from './client.js';
import { inspectJobs, pictureFiles } from './inspection.js';
import type { Running, StartOptions } from './profiles.js';

export type CrashPlan = {
  readonly jobs: number;
  readonly kills: number;
  readonly clients: number;
  /** The same seed kills after the same numbers of acknowledged jobs. */
  readonly seed: number;
  readonly request: (job: number) => Record<string, unknown>;
  readonly onProgress?: (line: string) => void;
};

export type CrashReport = {
  readonly acknowledged: number;
  readonly kills: number;
  readonly succeeded: number;
  readonly pictures: number;
  readonly files: number;
  /** Sum over the jobs' bills. */
  readonly billedTokens: number;
  readonly spentTokens: number;
  readonly heldTokens: number;
  readonly openHolds: number;
  readonly findings: readonly unknown[];
  /** What must not be, in words; empty when all is well. */
  readonly complaints: readonly string[];
};

const attemptsMax = 30;
const askAgainMs = 1_000;

/** Requests in flight when the server dies may or may not have been taken: they are sent again with the same idempotency key, as a client would. */
export async function crashRun(
  start: (options: StartOptions) => Promise<Running>,
  options: StartOptions,
  plan: CrashPlan,
): Promise<CrashReport> {
  const random = mulberry32(plan.seed);
  const killAfter = Array.from({ length: plan.kills }, () => Math.floor(random() * plan.jobs)).sort((a, b) => a - b);
  const acknowledged = new Map<number, string>();
  let server = await start(options);
  try {
    for (const threshold of killAfter) {
      const load = submitAll(new Client(server), plan, acknowledged, threshold);
      await Promise.race([load.reached, load.done]);
      await new Promise((resolve) => setTimeout(resolve, random() * 400));
      load.expectDeath();
      await server.kill();
      await load.done;
      plan.onProgress?.(`killed with ${acknowledged.size} jobs acknowledged`);
      server = await start(options);
    }
    await submitAll(new Client(server), plan, acknowledged, plan.jobs).done;
    return await inspect(new Client(server), plan, acknowledged, server.objectsDir);
  } finally {
    await server.stop();
  }
}

type Load = {
  /** Resolves when so many jobs are acknowledged; the others are still being sent then. */
  readonly reached: Promise<void>;
  readonly done: Promise<void>;
  /** From here on a request that gets no answer is no failure. */
  expectDeath(): void;
};

/** Sends whatever is not acknowledged yet. */
function submitAll(client: Client, plan: CrashPlan, acknowledged: Map<number, string>, threshold: number): Load {
  const pending = Array.from({ length: plan.jobs }, (_, job) => job).filter((job) => !acknowledged.has(job));
  let isDying = false;
  let reach = () => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const worker = async () => {
    for (let job = pending.shift(); job !== undefined; job = pending.shift()) {
      try {
        acknowledged.set(job, await createPatiently(client, plan.request(job), `crash-${plan.seed}-${job}`));
      } catch (error) {
        if (isDying) return;
        throw error;
      }
      if (acknowledged.size >= threshold) reach();
    }
  };
  const done = Promise.all(Array.from({ length: plan.clients }, worker)).then(() => undefined);
  return { reached, done, expectDeath: () => (isDying = true) };
}

/** A store that comes back from a kill may answer 503 for a while; a client then asks again with the same key. */
async function createPatiently(client: Client, request: Record<string, unknown>, idempotencyKey: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await client.call('POST', '/api/rest/v1/generations', request, { 'idempotency-key': idempotencyKey });
    if (status === 200) return body['sdGenerationJob'].generationId as string;
    if (status !== 503 || attempt === attemptsMax) throw new Error(`${status}: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}

/** Waits for the end of every acknowledged job, and counts. */
export async function inspect(
  client: Client,
  plan: Pick<CrashPlan, 'jobs' | 'kills' | 'request'>,
  acknowledged: Map<number, string>,
  objectsDir: string,
): Promise<CrashReport> {
  const jobs = [...acknowledged].map(([job, id]) => ({ id, images: Number(plan.request(job)['num_images'] ?? 1) }));
  const { succeeded, pictures, billedTokens, complaints } = await inspectJobs(client, jobs);
  const account = await client.account();
  const { findings } = await client.audit();
  const files = await pictureFiles(objectsDir);
  const spentTokens = Number(account['spentTokens']);
  const heldTokens = Number(account['heldTokens']);
  if (new Set(acknowledged.values()).size !== plan.jobs)
    complaints.push(`${new Set(acknowledged.values()).size} distinct jobs for ${plan.jobs} requests`);
  if (billedTokens !== spentTokens) complaints.push(`bills say ${billedTokens} tokens, the account spent ${spentTokens}`);
  if (heldTokens !== 0) complaints.push(`${heldTokens} tokens are still held`);
  if (findings.length > 0) complaints.push(`the audit found ${JSON.stringify(findings[0])}`);
  if (files.length !== pictures) complaints.push(`${files.length} files for ${pictures} pictures`);
  return {
    acknowledged: acknowledged.size,
    kills: plan.kills,
    succeeded,
    pictures,
    files: files.length,
    billedTokens,
    spentTokens,
    heldTokens,
    openHolds: Number(account['openHolds']),
    findings,
    complaints,
  };
}

/** A small seeded generator (Tommy Ettinger's mulberry32), so that a run can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
