import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { addBilling } from './billing-program.js';
import { addCharacters } from './characters-program.js';
import { addDatasets } from './datasets-program.js';
import { addModels } from './models-program.js';
import { addPictures } from './pictures-program.js';
import { addWebhooks } from './webhooks-program.js';
import { exitCodes, reportFailure } from './failure.js';
import { accountOption, dataOption, repositoryRoot } from './places.js';

/** Each command's code is loaded when it runs: `--help` and small commands must not pay for the server. */
function createProgram(): Command {
  const program = new Command('tessera')
    .description('Run your own image generation: a picture from your words, and what it cost.')
    .version((JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as { version: string }).version, '-V, --version')
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText('after', topics);
  addGenerate(program);
  addPictures(program);
  addServer(program);
  addMoney(program);
  addBilling(program);
  addDatasets(program);
  addWebhooks(program);
  addKeys(program);
  addModels(program);
  addCharacters(program);
  addDeadLetters(program);
  addWorkshop(program);
  return program;
}

const topics = `
Examples:
  tessera generate "a red apple on a beach at sunset"
  tessera up --port 8420
  tessera account

Commands talk to TESSERA_URL when it is set, else to a server that runs on the data folder, else they start one for as long as they need it.
Environment: TESSERA_URL, TESSERA_API_KEY, TESSERA_DATA.  Exit codes: 0 done, 1 failed, 2 refused or misused, 130 interrupted.`;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function addGenerate(program: Command): void {
  program
    .command('generate')
    .description('paint pictures from a prompt, save them and show the bill')
    .argument('<prompt>', 'what to paint')
    .option('-m, --model <id>', "model (default: the server's)")
    .option('-s, --size <size>', '512x512, or a ratio such as 16:9')
    .option('-n, --images <count>', 'how many pictures')
    .option('--seed <number>', 'the same seed paints the same picture')
    .option('--negative <words>', 'what the pictures should not show')
    .option('--steps <count>', 'denoising steps')
    .option('--guidance <scale>', 'how closely to follow the words')
    .option('--style <name>', 'preset style, for example VIBRANT')
    .option('--init <file>', 'start from this picture (PNG, JPEG or WebP)')
    .option('--strength <share>', 'how much of the first picture to keep, 0 to 1')
    .option('--mask <file>', 'repaint only what is white in this picture')
    .option('--unzoom <factor>', 'lay the first picture smaller into the middle and paint around it; needs --size')
    .option('--edges <file[:strength]>', 'follow the outlines of this picture', collect, [])
    .option('--depth <file[:strength]>', 'follow this depth map: white is near', collect, [])
    .option('--pose <file[:strength]>', 'follow the posture of this drawn skeleton', collect, [])
    .option('--style-from <file[:strength]>', 'take colours and manner from this picture', collect, [])
    .option('--content <file[:strength]>', 'take the arrangement from this picture', collect, [])
    .option(
      '--character <id or file[:strength[:word]]>',
      'show this thing in place of a word of the prompt (default: the first thing): a file, again for more views, or `<id[:word]>` of a registered character',
      collect,
      [],
    )
    .option('-o, --out <path>', 'folder or file for the pictures', '.')
    .option('--engine <name>', 'engine of a server started for this command: onnx, python, triton, served or noop')
    .option('--models <dir>', 'folder of models of a server started for this command')
    .option('--dry-run', 'show what it would cost and paint nothing')
    .option('--json', 'print one JSON object instead of text')
    .option('-q, --quiet', 'print only the names of the files')
    .option(...dataOption)
    .addHelpText(
      'after',
      `
Examples:
  tessera generate "a red apple on a beach at sunset" --images 2 --seed 7
  tessera generate "two cats in the snow" --size 16:9 --style VIBRANT --out pictures/
  tessera generate "the same, at night" --init cats.png --strength 0.4
  tessera generate "a hat" --init cats.png --mask head.png
  tessera generate "a dog on the moon" --character rex.png:1:dog --edges sketch.png:0.7
  tessera generate "a castle" --dry-run --json | jq .quote.totalTokens

Ctrl-C cancels the job and returns its tokens.`,
    )
    .action(async (prompt: string, options) => {
      const { generate } = await import('./commands/generate.js');
      process.exitCode = await generate(prompt, options);
    });
}

function addServer(program: Command): void {
  program
    .command('up')
    .description('run the server: REST, gRPC and the console')
    .option('-p, --port <port>', 'HTTP port (default: 8420; 0 picks a free one)')
    .option('--grpc-port <port>', 'gRPC port (default: 8421; 0 picks a free one)')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--public-url <url>', 'how clients reach the server; links begin with it')
    .option(
      '--engine <name>',
      'onnx paints; python paints with a Python of this machine (TESSERA_PYTHON), diffusers models included; triton has the server of TESSERA_TRITON_URL paint; served has the servers paint that its manifests name; noop answers with a tiny picture at once, for load tests',
    )
    .option(
      '--models <dir>',
      'folder of models, or several as in PATH (default: $TESSERA_MODELS, or those of this checkout and those that were added)',
    )
    .option('--log-level <level>', 'silent, fatal, error, warn, info, debug or trace (default: warn)')
    .option('--cluster', 'a process for each service, on Kafka, MongoDB, Redis and S3 servers of their own, which are fetched when missing')
    .option(...dataOption)
    .addHelpText(
      'after',
      `
Examples:
  tessera up
  tessera up --engine python --models /srv/models
  tessera up --cluster
  tessera up --host 0.0.0.0 --public-url https://images.example.org
  tessera up --port 0 --engine noop --data /tmp/scratch

Ctrl-C stops it cleanly; a second one at once. Jobs that were running are taken up again at the next start.`,
    )
    .action(async (options) => {
      if (options.cluster) return (await import('./commands/up-cluster.js')).upCluster(options);
      return (await import('./commands/up.js')).up(options);
    });
}

function addMoney(program: Command): void {
  program
    .command('account')
    .description('show balance, holds, limits and the queue')
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera account --json | jq .balanceTokens')
    .action(async (options) => (await import('./commands/account.js')).showAccount(options));
  program
    .command('topup')
    .description('add tokens, or API credits, to the account')
    .option(...accountOption)
    .argument('<tokens>', 'how many')
    .option('--wallet <wallet>', 'plan (its tokens) or credits (API credits)', 'plan')
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera topup 10000')
    .action(async (tokens: string, options) => (await import('./commands/account.js')).topUp(tokens, options));
  program
    .command('audit')
    .description('recompute every balance and hash chain; exit code 1 if anything does not add up')
    .option('--json', 'print the findings and the summary, one JSON object a line')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera audit && echo the books are clean')
    .action(async (options) => {
      const { audit } = await import('./commands/audit.js');
      process.exitCode = await audit(options);
    });
}

function addKeys(program: Command): void {
  const keys = program.command('keys').description('create, list and revoke API keys');
  keys
    .command('create')
    .description('make a key; it is shown this once')
    .argument('[name]', 'what it is for')
    .option('--read-only', 'may look but not spend')
    .option('--member <name>', 'whose key it is: what it spends counts to this member')
    .option('--project <name>', 'what it spends counts to this project')
    .option('--credits', 'its jobs are paid with API credits')
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  export TESSERA_API_KEY=$(tessera keys create "web shop" --json | jq -r .key)')
    .action(async (name: string | undefined, options) => (await import('./commands/keys.js')).createKey(name, options));
  keys
    .command('list')
    .description('list the keys of the account, newest first')
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera keys list')
    .action(async (options) => (await import('./commands/keys.js')).listKeys(options));
  keys
    .command('revoke')
    .description('make a key useless, now')
    .argument('<id>', 'id from `keys list`')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera keys revoke 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34')
    .action(async (id: string, options) => (await import('./commands/keys.js')).revokeKey(id, options));
}

function addDeadLetters(program: Command): void {
  const deadLetters = program.command('dead-letters').description('events that a service has given up after its retries');
  deadLetters
    .command('list')
    .description('list them, newest first')
    .option('--group <name>', 'of one group, for example billing (default: all)')
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera dead-letters list --group billing')
    .action(async (options) => (await import('./commands/dead-letters.js')).listDeadLetters(options));
  deadLetters
    .command('redrive')
    .description('have the service handle it once more, when the cause is gone')
    .argument('[id]', 'id from `dead-letters list`')
    .option('--all', 'the newest thousand')
    .option('--group <name>', 'with --all: of one group only')
    .option(...dataOption)
    .addHelpText(
      'after',
      '\nExamples:\n  tessera dead-letters redrive 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34\n  tessera dead-letters redrive --all --group billing',
    )
    .action(async (id: string | undefined, options) => (await import('./commands/dead-letters.js')).redriveDeadLetters(id, options));
}

function addWorkshop(program: Command): void {
  program
    .command('test')
    .description('type-check, lint, import rules, contracts and tests')
    .argument('[paths...]', 'only the tests below these paths; the other checks are left out')
    .option('--cluster', 'also the tests of the cluster profile, against real servers: in Docker, or fetched once and run natively')
    .option(
      '--models',
      'of the engines alone: tiny models of every kind through torch, which is fetched (2 GB), and the tests of the Python package',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  tessera test\n  tessera test libs/documents\n  tessera test --cluster libs/cache\n  tessera test --models',
    )
    .action(async (paths: string[], options) => {
      const { test } = await import('./commands/test.js');
      process.exitCode = await test(paths, options);
    });
  program
    .command('bench')
    .description('measure; without a name, list what there is to measure')
    .argument('[name]', 'what to measure')
    .argument('[arguments...]', "the benchmark's own")
    .allowUnknownOption()
    .addHelpText('after', '\nExamples:\n  tessera bench\n  tessera bench jobs --json')
    .action(async (name: string | undefined, rest: string[]) => {
      const { bench } = await import('./commands/bench.js');
      process.exitCode = await bench(name, rest);
    });
  program
    .command('release')
    .description('give everything the version of a release: packages, chart, images and the changelog; commits, tags and pushes nothing')
    .argument('<version>', 'for example 1.2.0')
    .addHelpText('after', '\nExample:\n  tessera release 1.2.0')
    .action(async (version: string) => {
      const { release } = await import('./commands/release.js');
      process.exitCode = await release(version);
    });
  program
    .command('errors')
    .description('write docs/errors.md from the registry of reasons')
    .action(async () => {
      const { writeErrorsPage } = await import('./commands/errors.js');
      await writeErrorsPage();
    });
  program
    .command('doctor')
    .description('check this machine and say what to do about what is missing')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera doctor')
    .action(async (options) => {
      const { doctor } = await import('./commands/doctor.js');
      process.exitCode = await doctor(options);
    });
}

// `tessera … | head` closes the pipe early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // commander has already said what was wrong with the arguments, or printed the help that was asked for.
  // A server that failed half-way may leave threads behind, so the process is ended, not waited for.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : exitCodes.refused);
  process.exit(reportFailure(error));
}
