import { withConnection } from '../connection.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Webhook = {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly isEnabled: boolean;
  readonly description?: string;
};
type Delivery = {
  readonly id: string;
  readonly event: string;
  readonly state: string;
  readonly attempts: number;
  readonly createdAt: string;
  readonly nextAttemptAt?: string;
  readonly error?: string;
  readonly status?: number;
};

const base = '/api/rest/v1';
const pathOf = (id: string): string => `${base}/webhooks/${encodeURIComponent(id)}`;
const secretText = (secret: string): string => `${secret}\nKeep it: it signs every delivery and is not shown again.`;

export async function createWebhook(
  url: string,
  options: Options & { readonly event?: readonly string[]; readonly description?: string },
): Promise<void> {
  await show<Webhook & { secret: string }>(options, 'POST', `${base}/webhooks`, ({ id, secret }) => `${id}\n${secretText(secret)}`, {
    url,
    events: options.event ?? [],
    description: options.description ?? '',
  });
}

export const listWebhooks = (options: Options): Promise<void> =>
  show<{ webhooks: readonly Webhook[] }>(options, 'GET', `${base}/webhooks`, ({ webhooks }) =>
    table([
      ['ID', 'STATE', 'EVENTS', 'URL'],
      ...webhooks.map(({ id, isEnabled, events, url }) => [id, isEnabled ? 'on' : 'off', events.join(',') || 'all', url]),
    ]),
  );

export const removeWebhook = (id: string, options: Options): Promise<void> => show(options, 'DELETE', pathOf(id), () => `removed ${id}`);

export const testWebhook = (id: string, options: Options): Promise<void> =>
  show<Delivery>(
    options,
    'POST',
    `${pathOf(id)}/test`,
    (delivery) => `sent as ${delivery.id}; see: tessera webhooks deliveries --webhook ${id}`,
  );

export const rotateSecret = (id: string, options: Options): Promise<void> =>
  show<{ secret: string }>(
    options,
    'POST',
    `${pathOf(id)}/secret`,
    ({ secret }) => `${secretText(secret)} The old one signs beside it for a day.`,
  );

export const switchWebhook = (id: string, isEnabled: boolean, options: Options): Promise<void> =>
  show(options, 'PUT', pathOf(id), () => `${id} is ${isEnabled ? 'on' : 'off'}`, { isEnabled });

export const listDeliveries = (options: Options & { readonly webhook?: string }): Promise<void> =>
  show<{ deliveries: readonly Delivery[] }>(
    options,
    'GET',
    `${base}/webhook-deliveries${options.webhook ? `?webhookId=${encodeURIComponent(options.webhook)}` : ''}`,
    ({ deliveries }) => table([['ID', 'CREATED', 'EVENT', 'STATE', 'ATTEMPTS', 'LAST ANSWER', 'NEXT'], ...deliveries.map(rowOf)]),
  );

export const redeliver = (id: string, options: Options): Promise<void> =>
  show<Delivery>(options, 'POST', `${base}/webhook-deliveries/${encodeURIComponent(id)}/redeliver`, ({ state }) => `${id} is ${state}`);

const shortTime = (iso: string | undefined): string => (iso === undefined ? '-' : iso.slice(0, 19).replace('T', ' '));

const rowOf = ({ id, createdAt, event, state, attempts, status, error, nextAttemptAt }: Delivery): string[] => [
  id,
  shortTime(createdAt),
  event,
  state,
  String(attempts),
  error ?? (status === undefined ? '-' : String(status)),
  shortTime(nextAttemptAt),
];

async function show<T>(
  options: Options,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  text: (answer: T) => string,
  body?: object,
): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const call = { account: options.account, ...(body ? { body } : {}) };
    const answer = await {
      GET: () => api.get<T>(path, call),
      POST: () => api.post<T>(path, call),
      PUT: () => api.put<T>(path, call),
      DELETE: () => api.delete<T>(path, call),
    }[method]();
    process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${text(answer)}\n`);
  });
}
