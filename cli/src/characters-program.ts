import type { Command } from 'commander';
import { accountOption, dataOption } from './places.js';

const load = () => import('./commands/characters.js');

const about = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', `\nExample:\n  ${example}`);

export function addCharacters(program: Command): void {
  const characters = program.command('characters').description('pictures of one thing under a name, for `generate --character`');
  about(characters, 'create', 'register two to five pictures of one thing', 'tessera characters create Rex front.png side.png')
    .argument('<name>', 'for people')
    .argument('<picture...>', 'files, or ids of uploads or generated pictures')
    .action(async (name: string, pictures: readonly string[], options) => (await load()).createCharacter(name, pictures, options));
  about(characters, 'list', 'list the characters of the account', 'tessera characters list').action(async (options) =>
    (await load()).listCharacters(options),
  );
  about(characters, 'delete', 'delete a character; its pictures stay', 'tessera characters delete 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34')
    .argument('<character>', 'id from `characters list`')
    .action(async (id: string, options) => (await load()).deleteCharacter(id, options));
}
