import type { Command } from 'commander';
import { accountOption, dataOption } from './places.js';

const load = () => import('./commands/webhooks.js');

const about = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', `\nExample:\n  ${example}`);

export function addWebhooks(program: Command): void {
  const webhooks = program.command('webhooks').description('tell your programs when jobs end and when tokens run low');
  about(
    webhooks,
    'create',
    'make a webhook; its secret is shown this once',
    'tessera webhooks create https://example.com/tessera --event job.finished',
  )
    .argument('<url>', 'where to post')
    .option('--event <type...>', 'job.finished, account.low_balance, account.spend_cap (default: all)')
    .option('--description <text>', 'for people')
    .action(async (url: string, options) => (await load()).createWebhook(url, options));
  about(webhooks, 'list', 'list the webhooks of the account', 'tessera webhooks list').action(async (options) =>
    (await load()).listWebhooks(options),
  );
  about(webhooks, 'deliveries', 'what was sent and what became of it, newest first', 'tessera webhooks deliveries')
    .option('--webhook <id>', 'of this one only')
    .action(async (options) => (await load()).listDeliveries(options));
  about(webhooks, 'redeliver', 'send a delivery again, with the same id', 'tessera webhooks redeliver 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34')
    .argument('<delivery>', 'id from `webhooks deliveries`')
    .action(async (id: string, options) => (await load()).redeliver(id, options));
  for (const [name, description, action] of [
    ['test', 'send an event of the type "ping"', async (id: string, options: object) => (await load()).testWebhook(id, options)],
    [
      'rotate',
      'make a new secret; the old one signs beside it for a day',
      async (id: string, options: object) => (await load()).rotateSecret(id, options),
    ],
    ['enable', 'switch a webhook on', async (id: string, options: object) => (await load()).switchWebhook(id, true, options)],
    [
      'disable',
      'switch a webhook off; what is on its way fails',
      async (id: string, options: object) => (await load()).switchWebhook(id, false, options),
    ],
    [
      'remove',
      'remove a webhook and what is on its way to it',
      async (id: string, options: object) => (await load()).removeWebhook(id, options),
    ],
  ] as const) {
    about(webhooks, name, description, `tessera webhooks ${name} 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34`)
      .argument('<webhook>', 'id from `webhooks list`')
      .action((id: string, options: object) => action(id, options));
  }
}
