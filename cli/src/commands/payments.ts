import { withConnection } from '../connection.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string; readonly state?: string };
type Payment = {
  readonly paymentId: string;
  readonly accountId: string;
  readonly pack?: string;
  readonly amount?: number;
  readonly currency?: string;
  readonly date?: string;
  readonly state: string;
  readonly waitsFor?: string;
};
type Page = { readonly payments: readonly Payment[]; readonly nextPageToken?: string };

const base = '/api/rest/v1/payments';

/** All of them, a page at a time. */
export async function listPayments(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
      const page: Page = await api.get(`${base}?${new URLSearchParams({ ...filterOf(options), pageToken }).toString()}`);
      process.stdout.write(options.json ? `${JSON.stringify(page)}\n` : page.payments.length > 0 ? `${paymentsText(page)}\n` : '');
      pageToken = page.nextPageToken;
    }
  });
}

export async function exportPayments(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer = await api.open('GET', `${base}.csv?${new URLSearchParams(filterOf(options)).toString()}`, {});
    for await (const piece of answer.body ?? [])
      if (!process.stdout.write(piece)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  });
}

export async function decidePayment(payment: string, decision: 'credit' | 'refund', options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer: { outcome: string } = await api.post(`${base}/${encodeURIComponent(payment)}/${decision}`, {});
    process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${answer.outcome} the ${decision} of ${payment}\n`);
  });
}

const filterOf = ({ account, state }: Options): Record<string, string> => ({
  ...(account === undefined ? {} : { accountId: account }),
  ...(state === undefined ? {} : { state }),
});

const paymentsText = ({ payments }: Page): string =>
  table(
    payments.map(({ paymentId, accountId, pack, amount, currency, date, state, waitsFor }) => [
      paymentId,
      accountId,
      pack ?? 'subscription',
      amount === undefined ? '-' : `${amount} ${currency ?? ''}`,
      date ?? '-',
      waitsFor === undefined ? state : `${state}: ${waitsFor}`,
    ]),
  );
