import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { dataFolder } from '../places.js';
import { table } from '../texts.js';

type Options = { readonly json?: boolean; readonly data?: string; readonly group?: string; readonly all?: boolean };
type Letter = {
  readonly id: string;
  readonly group: string;
  readonly type: string;
  readonly key: string;
  readonly attempts: number;
  readonly error: string;
  readonly failedAt: string;
};

const errorCharsShown = 60;

const resource = (group: string | undefined) =>
  `/api/rest/v1/dead-letters?limit=1000${group === undefined ? '' : `&group=${encodeURIComponent(group)}`}`;

export async function listDeadLetters(options: Options): Promise<void> {
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const { deadLetters } = await api.get<{ deadLetters: readonly Letter[] }>(resource(options.group));
    if (options.json) process.stdout.write(`${JSON.stringify(deadLetters)}\n`);
    else if (deadLetters.length === 0) process.stdout.write('No event was given up.\n');
    else process.stdout.write(`${table([['ID', 'GROUP', 'EVENT', 'ATTEMPTS', 'FAILED', 'ERROR'], ...deadLetters.map(rowOf)])}\n`);
  });
}

const rowOf = ({ id, group, type, attempts, failedAt, error }: Letter) => [
  id,
  group,
  type.split('.').at(-1) ?? type,
  String(attempts),
  failedAt.slice(0, 19).replace('T', ' '),
  error.slice(0, errorCharsShown),
];

export async function redriveDeadLetters(id: string | undefined, options: Options): Promise<void> {
  if ((id === undefined) === (options.all !== true))
    throw new CommandFailure('Name one dead letter, or say --all.', exitCodes.refused, '`tessera dead-letters list` shows them.');
  await withConnection(dataFolder(options.data), async ({ api }) => {
    const ids =
      id === undefined
        ? (await api.get<{ deadLetters: readonly Letter[] }>(resource(options.group))).deadLetters.map((letter) => letter.id)
        : [id];
    for (const each of ids) await api.post(`/api/rest/v1/dead-letters/${encodeURIComponent(each)}/redrive`, {});
    process.stdout.write(
      `${ids.length === 1 ? 'One dead letter is' : `${ids.length} dead letters are`} delivered again. What stays in \`tessera dead-letters list\` has failed again.\n`,
    );
  });
}
