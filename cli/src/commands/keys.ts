import { withConnection } from '../connection.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Key = {
  readonly id: string;
  readonly prefix: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly revokedAt?: string;
  readonly lastUsedAt?: string;
};

export async function createKey(
  name: string | undefined,
  options: Options & { readonly readOnly?: boolean; readonly member?: string; readonly project?: string; readonly credits?: boolean },
): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const created = await api.post<Key & { key: string }>('/api/rest/v1/keys', {
      body: {
        name: name ?? 'command line',
        scopes: [options.readOnly ? 'read' : 'all'],
        memberId: options.member,
        project: options.project,
        ...(options.credits ? { wallet: 'credits' } : {}),
      },
      account: options.account,
    });
    process.stdout.write(
      options.json
        ? `${JSON.stringify(created)}\n`
        : `${created.key}\nKeep it: it is not shown again. Revoke it with: tessera keys revoke ${created.id}\n`,
    );
  });
}

export async function listKeys(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const { keys } = await api.get<{ keys: readonly Key[] }>('/api/rest/v1/keys', { account: options.account });
    if (options.json) process.stdout.write(`${JSON.stringify(keys)}\n`);
    else process.stdout.write(`${table([['ID', 'KEY', 'SCOPES', 'CREATED', 'LAST USED', 'NAME'], ...keys.map(rowOf)])}\n`);
  });
}

export async function revokeKey(id: string, options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    await api.delete(`/api/rest/v1/keys/${encodeURIComponent(id)}`);
    process.stdout.write(`revoked ${id}\n`);
  });
}

const shortTime = (iso: string | undefined) => (iso === undefined ? '-' : iso.slice(0, 16).replace('T', ' '));

const rowOf = ({ id, prefix, name, scopes, createdAt, lastUsedAt, revokedAt }: Key) => [
  id,
  prefix,
  scopes.join(','),
  shortTime(createdAt),
  revokedAt ? 'revoked' : shortTime(lastUsedAt),
  name,
];
