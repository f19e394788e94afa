import { isUuid } from '@tessera/platform/ids.js';
import { withConnection } from '../connection.js';
import { Generations } from '../generations.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly account?: string };
type Character = { readonly id: string; readonly name: string; readonly imageIds: readonly string[]; readonly createdAt: string };

const base = '/api/rest/v1/characters';

/** Files are uploaded first. */
export async function createCharacter(name: string, pictures: readonly string[], options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const generations = new Generations(api);
    const imageIds: string[] = [];
    for (const picture of pictures) imageIds.push(isUuid(picture) ? picture : await generations.upload(picture, options.account));
    const answer = await api.post<{ character: Character }>(base, { account: options.account, body: { name, imageIds } });
    print(options, answer, answer.character.id);
  });
}

export async function listCharacters(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer = await api.get<{ characters: readonly Character[] }>(base, { account: options.account });
    const rows = answer.characters.map(({ id, name, imageIds, createdAt }) => [id, name, String(imageIds.length), createdAt]);
    print(options, answer, table([['ID', 'NAME', 'PICTURES', 'CREATED'], ...rows]));
  });
}

export async function deleteCharacter(id: string, options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const answer = await api.delete<object>(`${base}/${encodeURIComponent(id)}`, { account: options.account });
    print(options, answer, `deleted ${id}`);
  });
}

const print = ({ json }: Options, answer: object, text: string): void => {
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${text}\n`);
};
