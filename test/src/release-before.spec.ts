import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freeLoopbackPort } from '@tessera/servers/loopback.js';
import { ServiceProcess } from '@tessera/servers/service-process.js';
import { Webhook } from 'standardwebhooks';
import { Client } from './client.js';
import { inspectJobs } from './inspection.js';
import { environment, newDataDir, removeDataDir, repository } from './profiles.js';
import { Receiver } from './receiver.js';

const api = '/api/rest/v1';
const fixtures = path.join(repository, 'test/fixtures');

type JobFound = {
  client: string;
  id: string;
  status: string;
  state: string;
  prompt: string;
  failureReason: string;
  bill: Record<string, unknown>;
  pictures: { id: string; path: string; sha256: string; isAccepted: boolean }[];
};
type Submission = { client: string; idempotencyKey: string; request: Record<string, unknown> & { num_images: number }; id?: string };
type AccountFound = Record<string, unknown> & { accountId: string; balanceTokens: number; spentTokens: number };

/** What `write-data-folder.mjs` found in the folder before it killed the server. */
type Content = {
  killedAtMs: number;
  cancelledId: string;
  inFlight: Submission[];
  keys: Record<string, string>;
  accounts: Record<string, AccountFound>;
  jobs: JobFound[];
  deleted: string;
  upload: { id: string; sha256: string };
  repeat: Submission & { id: string };
  topup: { accountId: string; body: Record<string, unknown>; idempotencyKey: string };
  webhook: { id: string; secret: string; deliveryIds: string[] };
  member: { id: string; capTokens: number };
};

const sha256 = async (response: Response) =>
  createHash('sha256')
    .update(Buffer.from(await response.arrayBuffer()))
    .digest('hex');

/** The owner acting for an account: the plan's requests per minute do not count. */
class ActingFor extends Client {
  constructor(
    server: { url: string },
    key: string | undefined,
    private readonly accountId: string,
  ) {
    super(server, key);
  }

  override call<T = Record<string, any>>(method: string, route: string, body?: unknown, headers: Record<string, string> = {}) {
    return super.call<T>(method, route, body, { ...headers, 'tessera-account': this.accountId });
  }
}

/** With a wall clock that starts at `atMs`: deadlines, cycles and links mean what they meant then. */
async function startOn(dataDir: string, atMs: number): Promise<{ url: string; process: ServiceProcess }> {
  const [httpPort, grpcPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const args = [
    '--import',
    path.join(fixtures, 'shift-clock.mjs'),
    'cli/dist/main.js',
    'up',
    '--data',
    dataDir,
    '--port',
    `${httpPort}`,
    '--grpc-port',
    `${grpcPort}`,
    '--engine',
    'noop',
  ];
  const env = { ...environment(), TESSERA_TEST_CLOCK_SHIFT_MS: `${atMs - Date.now()}` };
  const server = new ServiceProcess({ name: 'tessera up', args, cwd: repository, env, readyWords: 'Tessera is ready' });
  await server.start();
  return { url: `http://127.0.0.1:${httpPort}`, process: server };
}

/** The folder was written by the release, and its process killed with jobs accepted, queued and running, and an event that no group had handled. */
describe.each(['data-0f73ec5'])('A data folder of the release before, %s', (name) => {
  const content = JSON.parse(readFileSync(path.join(fixtures, `${name}.json`), 'utf8')) as Content;
  const accountNames = Object.keys(content.accounts);
  let dataDir: string;
  let server: { url: string; process: ServiceProcess };

  const clientOf = (client: string) => new Client(server, content.keys[client]);
  const unpacked = async () => {
    const folder = await newDataDir();
    execFileSync('tar', ['-xzf', path.join(fixtures, `${name}.tar.gz`), '-C', folder, '--strip-components=1', '--no-same-owner']);
    return folder;
  };

  beforeAll(async () => {
    dataDir = await unpacked();
    server = await startOn(dataDir, content.killedAtMs);
  }, 90_000);

  afterAll(async () => {
    await server.process.stop();
    await removeDataDir(dataDir);
  });

  const isStable = (account: string) => account !== 'studio';

  it.each(accountNames.filter(isStable))('keeps the balance, the statement and the usage of %s', async (account) => {
    const found = content.accounts[account]!;
    const client = clientOf(account);
    const { accountId, plan, balanceTokens, spentTokens, heldTokens, credits, nextPlan, buckets } = await client.account();
    const { balanceCredits = 0, spentCredits = 0 } = credits ?? {};
    const { body: statement } = await client.call('GET', `${api}/account/statement`);
    const { body: usage } = await client.call('GET', `${api}/account/usage?by=member`);
    expect({
      accountId,
      plan,
      balanceTokens,
      spentTokens,
      heldTokens,
      balanceCredits,
      spentCredits,
      ...(nextPlan ? { nextPlan: nextPlan.plan } : {}),
      buckets,
      closingTokens: statement['closing'].balanceTokens,
      statementLines: statement['lines'].length,
      jobsByMember: Object.fromEntries((usage['rows'] as { key: string; jobs: number }[]).map(({ key, jobs }) => [key, jobs])),
    }).toEqual(found);
  });

  it.each(content.jobs.map(({ client, state, id }) => [client, state, id]))(
    'keeps the job, the bill and the pictures that %s left %s: %s',
    async (_client, _state, id) => {
      const found = content.jobs.find((job) => job.id === id)!;
      const client = clientOf(found.client);
      const job = await client.finished(id);
      expect(job).toMatchObject({
        id,
        status: found.status,
        prompt: found.prompt,
        tessera: { state: found.state, ...(found.failureReason ? { failureReason: found.failureReason } : {}) },
      });
      expect(await client.bill(id)).toMatchObject(found.bill);
      expect(job['generated_images']).toMatchObject(
        found.pictures.map(({ id: pictureId, isAccepted }) => ({ id: pictureId, tessera: { isAccepted } })),
      );
      for (const [at, { path: link, sha256: digest }] of found.pictures.entries()) {
        expect(await sha256(await fetch(job['generated_images'][at].url))).toBe(digest);
        expect(await sha256(await fetch(new URL(link, server.url)))).toBe(digest);
      }
    },
  );

  it('does not bring back what was deleted', async () => {
    expect((await clientOf('owner').call('GET', `${api}/generations/${content.deleted}`)).status).toBe(404);
  });

  it('knows the keys as they were: revoked, reading only, of a member', async () => {
    expect((await clientOf('revoked').call('GET', `${api}/account`)).status).toBe(401);
    expect((await clientOf('reading').call('GET', `${api}/account`)).status).toBe(200);
    expect((await clientOf('reading').call('POST', `${api}/generations`, { prompt: 'no' })).status).toBe(403);
    expect((await clientOf('team').account())['members']).toContainEqual(
      expect.objectContaining({ memberId: content.member.id, capTokens: content.member.capTokens }),
    );
  });

  it('opens an upload, and starts from it', async () => {
    const owner = clientOf('owner');
    const { body } = await owner.call('GET', `${api}/init-image/${content.upload.id}`);
    expect(await sha256(await fetch(body['init_images_by_pk'].url))).toBe(content.upload.sha256);
    expect(
      await owner.finished(await owner.create({ prompt: 'from an upload', width: 512, height: 512, init_image_id: content.upload.id })),
    ).toMatchObject({ status: 'COMPLETE' });
  });

  it('answers a repeated submission with its job, and a repeated top-up without adding again', async () => {
    const team = clientOf('team');
    const { balanceTokens } = await team.account();
    expect(await team.create(content.repeat.request, content.repeat.idempotencyKey)).toBe(content.repeat.id);
    const { accountId, body, idempotencyKey } = content.topup;
    const repeated = await clientOf('owner').call('POST', `${api}/account/topup`, body, {
      'idempotency-key': idempotencyKey,
      'tessera-account': accountId,
    });
    expect(repeated.status).toBe(200);
    expect((await team.account())['balanceTokens']).toBe(balanceTokens);
  });

  it('delivers a pending webhook delivery, signed with the secret that was given out', async () => {
    const team = clientOf('team');
    const receiver = new Receiver();
    try {
      expect((await team.call('PUT', `${api}/webhooks/${content.webhook.id}`, { url: await receiver.open() })).status).toBe(200);
      for (const id of content.webhook.deliveryIds) {
        await team.call('POST', `${api}/webhook-deliveries/${id}/redeliver`);
        const { headers, body } = await receiver.post((posted) => posted.headers['webhook-id'] === id);
        // Not `verify`, which compares with the clock of this process.
        const signed = new Webhook(content.webhook.secret).sign(id, new Date(Number(headers['webhook-timestamp']) * 1_000), body);
        expect(headers['webhook-signature']?.split(' ')).toContain(signed);
        expect(JSON.parse(body)).toMatchObject({ type: 'job.finished' });
      }
    } finally {
      await receiver.close();
    }
  });

  it('ends each job that was in hand once, and charges it once', async () => {
    const studio = new ActingFor(server, content.keys['owner'], content.accounts['studio']!.accountId);
    const ids = new Map<string, Submission>();
    for (const submission of content.inFlight) {
      const id = await studio.create(submission.request, submission.idempotencyKey);
      if (submission.id !== undefined) expect(id).toBe(submission.id);
      ids.set(id, submission);
    }
    expect(ids.size).toBe(content.inFlight.length);
    const succeeding = [...ids]
      .filter(([id]) => id !== content.cancelledId)
      .map(([id, { request }]) => ({ id, images: request.num_images }));
    const { succeeded, billedTokens, complaints } = await inspectJobs(studio, succeeding);
    expect(complaints).toEqual([]);
    expect(succeeded).toBe(content.inFlight.length - 1);
    expect(await studio.finished(content.cancelledId)).toMatchObject({ tessera: { state: 'cancelled' } });
    expect((await studio.bill(content.cancelledId))['chargedTokens'] ?? 0).toBe(0);
    const before = content.accounts['studio']!;
    expect(await studio.account()).toMatchObject({
      heldTokens: 0,
      spentTokens: before.spentTokens + billedTokens,
      balanceTokens: before.balanceTokens - billedTokens,
    });
  });

  it('leaves books that the audit finds nothing wrong with, and jobs that agree with them', async () => {
    const owner = clientOf('owner');
    expect(await owner.audit()).toMatchObject({ findings: [], summary: { accounts: accountNames.length, findings: 0 } });
    const answer = await fetch(`${server.url}${api}/reconciliation`, { headers: { authorization: `Bearer ${owner.key}` } });
    expect(JSON.parse((await answer.text()).trim().split('\n').at(-1) ?? '')).toMatchObject({
      summary: { accounts: accountNames.length, findings: 0 },
    });
  });

  it('is not opened by a release that is older than its data, which says so in a sentence', async () => {
    const folder = await unpacked();
    const database = new DatabaseSync(path.join(folder, 'tessera.db'));
    database.exec(
      'CREATE TABLE schema_versions(collection TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, release TEXT NOT NULL, after TEXT, renamed_to TEXT)',
    );
    // Nothing reads this one at a start.
    database.exec("INSERT INTO schema_versions(collection,version,release) VALUES('events.dead_letters',9,'7.0.0')");
    database.close();
    await expect(startOn(folder, content.killedAtMs)).rejects.toThrow('events.dead_letters was written by release 7.0.0 (version 9)');
    await removeDataDir(folder);
  });

  it('is opened long after it was left: what nobody may wait for any more ends, costs nothing, and the books are sound', async () => {
    const folder = await unpacked();
    const now = await startOn(folder, content.killedAtMs + 90 * 86_400_000);
    try {
      const studio = new ActingFor(now, content.keys['owner'], content.accounts['studio']!.accountId);
      for (const { id } of content.inFlight) {
        if (id === undefined) continue;
        expect(['expired', 'rejected', 'cancelled', 'failed']).toContain((await studio.finished(id))['tessera'].state);
        expect((await studio.bill(id))['chargedTokens'] ?? 0).toBe(0);
      }
      expect(await new Client(now, content.keys['owner']).audit()).toMatchObject({
        findings: [],
        summary: { accounts: accountNames.length, findings: 0 },
      });
    } finally {
      await now.process.stop();
      await removeDataDir(folder);
    }
  }, 120_000);
});
