import { once } from 'node:events';
import fs from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openObjectStore } from '../open-object-store.js';

const hourMs = 3_600_000;

/** Answers as S3 does of an empty bucket, and as the service that hands out the credentials of roles does; each time those of another session. */
class Amazon {
  /** Of requests to the bucket. */
  readonly sessions: (string | undefined)[] = [];
  readonly assumed: URLSearchParams[] = [];
  lifeMs = hourMs;
  refusal: { readonly of: 'bucket' | 'role'; readonly code: string } | undefined;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = request.method === 'POST' ? 'role' : 'bucket';
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    if (asked === 'role') this.assumed.push(new URLSearchParams(body));
    else this.sessions.push(request.headers['x-amz-security-token']?.toString());
    const error = this.refusal?.of === asked ? `<Error><Code>${this.refusal.code}</Code><Message>not so</Message></Error>` : undefined;
    response.writeHead(error ? 403 : 200, { 'content-type': 'text/xml' });
    if (error) response.end(asked === 'role' ? `<ErrorResponse>${error}</ErrorResponse>` : error);
    else response.end(asked === 'role' ? this.#credentials() : '<ListBucketResult/>');
  }

  #credentials(): string {
    const credentials = `<AccessKeyId>of-role</AccessKeyId><SecretAccessKey>secret-of-role</SecretAccessKey><SessionToken>session-${this.assumed.length}</SessionToken><Expiration>${new Date(Date.now() + this.lifeMs).toISOString()}</Expiration>`;
    return `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
  }
}

describe('a bucket by a role', () => {
  let folder: string;
  let amazon: Amazon;
  let endpoint: string;
  const before = { ...process.env };
  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-role-'));
    await fs.writeFile(path.join(folder, 'token'), 'from-the-cluster');
    amazon = new Amazon();
    endpoint = await amazon.start();
    // Nothing of whoever runs this, and nothing of the machine.
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: path.join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: path.join(folder, 'none'),
      AWS_ENDPOINT_URL_STS: endpoint,
    });
  });
  afterEach(async () => {
    process.env = { ...before };
    await amazon.stop();
    await fs.rm(folder, { recursive: true });
  });

  const assumeRole = () =>
    Object.assign(process.env, {
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/tessera',
      AWS_WEB_IDENTITY_TOKEN_FILE: path.join(folder, 'token'),
    });
  const open = (more: { readonly endpoint?: string | undefined; readonly publicEndpoint?: string } = {}) =>
    openObjectStore({
      profile: 'cluster',
      dataDir: 'unused',
      publicUrl: () => 'unused',
      s3: { endpoint, region: 'us-east-1', bucket: 'tessera', ...more },
    });
  const linkAndForm = async (store: Awaited<ReturnType<typeof open>>) => {
    const expiresMs = Date.now() + hourMs;
    const { fields } = await store.signUpload({ key: 'a/b', contentTypePrefix: 'image/png', sizeBytesMax: 10, expiresMs });
    const { conditions } = JSON.parse(Buffer.from(fields['Policy']!, 'base64').toString()) as { conditions: unknown[] };
    return { link: new URL(await store.signDownload('a/b', expiresMs)), fields, conditions };
  };

  it.each([{}, { publicEndpoint: 'https://files.example.org' }])(
    'assumes the role of its service account once, and sends its session with every request, link and form (%j)',
    async (more) => {
      assumeRole();
      const store = await open(more);
      const { link, fields, conditions } = await linkAndForm(store);
      expect(amazon.assumed.map((parameters) => [parameters.get('RoleArn'), parameters.get('WebIdentityToken')])).toEqual([
        ['arn:aws:iam::123456789012:role/tessera', 'from-the-cluster'],
      ]);
      expect(new Set(amazon.sessions)).toEqual(new Set(['session-1']));
      expect(link.searchParams.get('X-Amz-Security-Token')).toBe('session-1');
      expect(link.searchParams.get('X-Amz-Credential')).toMatch(/^of-role\//);
      expect(fields['X-Amz-Security-Token']).toBe('session-1');
      expect(conditions).toContainEqual({ 'X-Amz-Security-Token': 'session-1' });
      await store.close();
    },
  );

  it('renews the session before it ends', async () => {
    amazon.lifeMs = 60_000;
    assumeRole();
    const store = await open();
    // The next one is fetched while this one still serves.
    while (amazon.sessions.at(-1) === 'session-1') await store.head('a/b');
    expect((await linkAndForm(store)).link.searchParams.get('X-Amz-Security-Token')).not.toBe('session-1');
    await store.close();
  });

  it('takes temporary credentials from the environment, session included', async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'temporary', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'session-of-env' });
    const store = await open();
    const { link, fields } = await linkAndForm(store);
    expect([new Set(amazon.sessions), link.searchParams.get('X-Amz-Security-Token'), fields['X-Amz-Security-Token']]).toEqual([
      new Set(['session-of-env']),
      'session-of-env',
      'session-of-env',
    ]);
    await store.close();
  });

  it('asks Amazon itself where no server is named', async () => {
    assumeRole();
    // Where the SDK looks for Amazon, in place of its own names.
    process.env['AWS_ENDPOINT_URL_S3'] = endpoint;
    const store = await open({ endpoint: undefined });
    expect((await linkAndForm(store)).link.pathname).toBe('/tessera/a/b');
    await store.close();
  });

  const failures: [string, () => void, RegExp][] = [
    [
      'no key and no role',
      () => undefined,
      /there are none: set TESSERA_S3_ACCESS_KEY_ID and TESSERA_S3_SECRET_ACCESS_KEY, or give this process a role/,
    ],
    [
      'a role that does not trust us',
      () => (assumeRole(), (amazon.refusal = { of: 'role', code: 'AccessDenied' })),
      /The role for S3 is refused: let it trust this process, and check AWS_ROLE_ARN/,
    ],
    [
      'a session that has ended',
      () => (assumeRole(), (amazon.refusal = { of: 'bucket', code: 'ExpiredToken' })),
      /temporary credentials expired or unknown/,
    ],
    [
      'a role that may not read the bucket',
      () => (assumeRole(), (amazon.refusal = { of: 'bucket', code: 'AccessDenied' })),
      /let the access key or role list, read, write and delete/,
    ],
  ];
  it.each(failures)('fails the start with advice about %s, and without a secret', async (_, arrange, sentence) => {
    arrange();
    const failure: unknown = await open().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ reason: 'object_store_refused', message: expect.stringMatching(sentence) });
    expect(String(failure)).not.toMatch(/secret-of-role|session-1|from-the-cluster/);
  });
});
