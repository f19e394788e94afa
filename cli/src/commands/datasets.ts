import { ApiRefusal, type Api } from '../api.js';
import { withConnection } from '../connection.js';
import { exitCodes } from '../failure.js';
import { filesToAdd, formOf } from '../picture-folders.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Dataset = {
  readonly id: string;
  readonly name: string;
  readonly pictures: number;
  readonly picturesMax: number;
  readonly createdAt: string;
};
type Image = {
  readonly id: string;
  readonly tessera: { readonly fileName: string; readonly caption: string; readonly width: number; readonly height: number };
};
type Refused = { readonly fileName: string; readonly type: string; readonly error: string };
type Shown = {
  readonly id: string;
  readonly name: string;
  readonly dataset_images: readonly Image[];
  readonly tessera: {
    readonly picturesMax: number;
    readonly awaited: number;
    readonly warnings: readonly { readonly message: string; readonly remedy: string; readonly imageIds: readonly string[] }[];
    readonly refused: readonly Refused[];
  };
};
type Added = { readonly tessera: { readonly images: readonly Image[]; readonly refused: readonly Refused[] } };
type Version = { readonly digest: string; readonly trainingPictures: number; readonly validationPictures: number };

const base = '/api/rest/v1/datasets';
const pathOf = (id: string): string => `${base}/${encodeURIComponent(id)}`;
const print = ({ json }: Options, answer: unknown, text: string): void =>
  void process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${text}\n`);
const connected = <T>({ data }: Options, work: (api: Api) => Promise<T>): Promise<T> =>
  withConnection(dataFolder(data), ({ api }) => work(api));

export const createDataset = (
  name: string,
  { description, trigger, ...options }: Options & { readonly description?: string; readonly trigger?: string },
): Promise<void> =>
  connected(options, async (api) => {
    const body = { name, ...(description ? { description } : {}), ...(trigger ? { trigger } : {}) };
    const answer = await api.post<{ insert_datasets_one: { id: string } }>(base, { body, account: options.account });
    print(options, answer, answer.insert_datasets_one.id);
  });

export const listDatasets = (options: Options): Promise<void> =>
  connected(options, async (api) => {
    const datasets: Dataset[] = [];
    for (let after = ''; ;) {
      const query = after ? `?pageToken=${encodeURIComponent(after)}` : '';
      const page = await api.get<{ datasets: Dataset[]; nextPageToken?: string }>(`${base}${query}`, { account: options.account });
      datasets.push(...page.datasets);
      if (!page.nextPageToken) break;
      after = page.nextPageToken;
    }
    const rows = datasets.map(({ id, name, pictures, createdAt }) => [
      id,
      createdAt.slice(0, 19).replace('T', ' '),
      String(pictures),
      name,
    ]);
    print(options, { datasets }, table([['ID', 'CREATED', 'PICTURES', 'NAME'], ...rows]));
  });

export const showDataset = (id: string, options: Options): Promise<void> =>
  connected(options, async (api) => {
    const shown = await api.get<{ datasets_by_pk: Shown }>(pathOf(id), { account: options.account });
    print(options, shown, shownText(shown.datasets_by_pk));
  });

/** One after the other; what cannot be used is said, and the others are added all the same. Exit code 1 when any was refused. */
export const addToDataset = (
  id: string,
  paths: readonly string[],
  { licence, provenance, ...options }: Options & { readonly licence?: string; readonly provenance?: string },
): Promise<number> =>
  connected(options, async (api) => {
    const images: Image[] = [];
    const refused: Refused[] = [];
    for (const file of await filesToAdd(paths)) {
      try {
        const form = await formOf(file, { licence, provenance });
        const answer = await api.post<Added>(`${pathOf(id)}/upload`, { form, account: options.account });
        images.push(...answer.tessera.images);
        refused.push(...answer.tessera.refused);
      } catch (error) {
        if (!(error instanceof ApiRefusal) || error.param !== 'file') throw error;
        refused.push({ fileName: file.fileName, type: error.reason, error: error.message });
      }
    }
    const shown = await api.get<{ datasets_by_pk: Shown }>(pathOf(id), { account: options.account });
    const { warnings } = shown.datasets_by_pk.tessera;
    const lines = [
      `added ${images.length}`,
      ...refused.map(({ fileName, error }) => `refused ${fileName}: ${error}`),
      ...warnings.map(warningText),
    ];
    print(options, { images, refused, warnings }, lines.join('\n'));
    return refused.length === 0 ? 0 : exitCodes.failed;
  });

export const freezeDataset = (id: string, { seed, ...options }: Options & { readonly seed: string }): Promise<void> =>
  connected(options, async (api) => {
    const version = await api.post<Version>(`${pathOf(id)}/versions`, { body: { seed: Number(seed) }, account: options.account });
    const { digest, trainingPictures, validationPictures } = version;
    print(options, version, `${digest}\n${trainingPictures} to learn from, ${validationPictures} held out`);
  });

export const deleteDataset = (id: string, options: Options): Promise<void> =>
  connected(options, async (api) => {
    print(options, await api.delete(pathOf(id), { account: options.account }), `deleted ${id}`);
  });

const warningText = ({ message, remedy }: Shown['tessera']['warnings'][number]): string => `! ${message} ${remedy}`;

function shownText({ name, dataset_images: images, tessera: { picturesMax, awaited, warnings, refused } }: Shown): string {
  const rows = images.map(({ id, tessera }) => [id, `${tessera.width}x${tessera.height}`, tessera.fileName || '-', tessera.caption || '-']);
  return [
    `${name}: ${images.length} of at most ${picturesMax} pictures${awaited > 0 ? `, ${awaited} awaited` : ''}`,
    ...(rows.length > 0 ? [table([['ID', 'SIZE', 'FILE', 'CAPTION'], ...rows])] : []),
    ...refused.map(({ fileName, error }) => `refused ${fileName || 'what a form brought'}: ${error}`),
    ...warnings.map(warningText),
  ].join('\n');
}
