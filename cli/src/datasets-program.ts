import type { Command } from 'commander';
import { accountOption, dataOption } from './places.js';

const load = () => import('./commands/datasets.js');

const about = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', `\nExample:\n  ${example}`);

const exampleId = '0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34';

export function addDatasets(program: Command): void {
  const datasets = program.command('datasets').description('pictures to learn from');
  about(datasets, 'create', 'open a dataset; prints its id', 'tessera datasets create "zorb foxes" --trigger zorb')
    .argument('<name>', 'for people')
    .option('--description <text>', 'for people')
    .option('--trigger <word>', 'the word that captions are to have for what is taught')
    .action(async (name: string, options) => (await load()).createDataset(name, options));
  about(
    datasets,
    'add',
    'add pictures, folders of them, or zips; the caption of fox.png is in fox.txt, or its name',
    `tessera datasets add ${exampleId} photos/ --licence "our own"`,
  )
    .argument('<dataset>', 'id from `datasets list`')
    .argument('<path...>', 'pictures (PNG, JPEG or WebP), folders or zips')
    .option('--licence <text>', 'under which they are used')
    .option('--provenance <text>', 'where they are from')
    .action(async (id: string, paths: string[], options) => {
      process.exitCode = await (await load()).addToDataset(id, paths, options);
    });
  about(datasets, 'show', 'pictures, captions and warnings', `tessera datasets show ${exampleId}`)
    .argument('<dataset>', 'id from `datasets list`')
    .action(async (id: string, options) => (await load()).showDataset(id, options));
  about(datasets, 'list', 'list the datasets of the account', 'tessera datasets list').action(async (options) =>
    (await load()).listDatasets(options),
  );
  about(datasets, 'freeze', 'name the exact set of now; prints its digest', `tessera datasets freeze ${exampleId}`)
    .argument('<dataset>', 'id from `datasets list`')
    .option('--seed <number>', 'decides which pictures are held out', '0')
    .action(async (id: string, options) => (await load()).freezeDataset(id, options));
  about(datasets, 'delete', 'delete a dataset with its pictures', `tessera datasets delete ${exampleId}`)
    .argument('<dataset>', 'id from `datasets list`')
    .action(async (id: string, options) => (await load()).deleteDataset(id, options));
}
