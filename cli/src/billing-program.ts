import type { Command } from 'commander';
import { accountOption, dataOption } from './places.js';

const fromOption = ['--from <time>', 'date or time, for example 2026-11-01 (default: the beginning)'] as const;
const toOption = ['--to <time>', 'date or time, not included (default: now)'] as const;

const walletOption = ['--wallet <wallet>', 'plan (its tokens) or credits (API credits)', 'plan'] as const;

const load = () => import('./commands/billing.js');

/** A command that talks about one account's money. */
const money = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option(...accountOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', `\nExample:\n  ${example}`);

export function addBilling(program: Command): void {
  addPlans(program);
  addLimits(program);
  addPayments(program);
  addReports(program);
  addCatalogue(program);
}

function addPlans(program: Command): void {
  money(program, 'plans', 'list plans and packs with their prices', 'tessera plans').action(async (options) =>
    (await load()).showPlans(options),
  );
  const accounts = program.command('accounts').description('open accounts');
  money(accounts, 'open', 'open an account on a plan', 'tessera accounts open team-starter --seats 5')
    .argument('<plan>', 'plan or alias from `tessera plans`')
    .option('--seats <count>', 'seats of a team')
    .option('--utc-offset <minutes>', "minutes that the account's clocks are ahead of UTC: daily tokens come at their midnight")
    .action(async (plan: string, options) => (await load()).openAccount(plan, options));
  const plan = program.command('plan').description('change, pause, resume or cancel the plan');
  money(plan, 'change', 'more tokens count at once, fewer from the next renewal', 'tessera plan change maestro')
    .argument('<plan>', 'plan or alias from `tessera plans`')
    .option('--seats <count>', 'seats of a team')
    .action(async (name: string, options) => (await load()).changePlan(name, options));
  money(plan, 'pause', 'let the plan rest from the end of its month, with its bank frozen', 'tessera plan pause --until 2027-03-01')
    .option('--until <time>', 'date or time when it goes on by itself (default: when it is resumed)')
    .action(async (options) => (await load()).pausePlan(options));
  money(plan, 'resume', 'let a paused plan go on at once, or take a planned pause back', 'tessera plan resume').action(async (options) =>
    (await load()).resumePlan(options),
  );
  money(plan, 'cancel', 'let the plan end with its month', 'tessera plan cancel').action(async (options) =>
    (await load()).cancelPlan(options),
  );
}

function addLimits(program: Command): void {
  money(
    program,
    'limits',
    'cap what a cycle may cost, or be told when the balance is low',
    'tessera limits --spend-cap 20000 --low-balance 500',
  )
    .option('--spend-cap <tokens>', 'the most that a cycle may cost; "none" takes the cap away')
    .option('--low-balance <tokens>', 'tell me below this; "none" switches it off')
    .option(...walletOption)
    .action(async (options) => (await load()).setLimits(options));
  const members = program.command('members').description('who shares the account, and up to which cap');
  money(members, 'list', 'list members and what they have used in this cycle', 'tessera members list').action(async (options) =>
    (await load()).listMembers(options),
  );
  money(members, 'put', 'give a member a seat, or another cap', 'tessera members put ann --cap 5000')
    .argument('<member>', 'a name of letters, digits, dots, dashes')
    .option('--cap <tokens>', 'the most that the member may spend in a cycle (default: no cap)')
    .action(async (member: string, options) => (await load()).putMember(member, options));
  money(members, 'remove', "free a member's seat", 'tessera members remove ann')
    .argument('<member>', 'name from `members list`')
    .action(async (member: string, options) => (await load()).removeMember(member, options));
}

function addPayments(program: Command): void {
  money(
    program,
    'pay',
    'record that a pack was paid for, and add its tokens; the same payment counts once',
    'tessera pay medium --payment invoice-2026-0042',
  )
    .argument('<pack>', 'pack from `tessera plans`')
    .requiredOption('--payment <id>', 'whatever names the payment in your books')
    .action(async (pack: string, options) => (await load()).recordPayment(pack, options));
  money(
    program,
    'refund',
    'record that a payment went back, and take the tokens back that nobody has spent',
    'tessera refund invoice-2026-0042',
  )
    .argument('<payment>', 'the payment as it was recorded')
    .action(async (payment: string, options) => (await load()).recordRefund(payment, options));
  addPaymentBooks(program);
  money(
    program,
    'reverse',
    "take a top-up back as far as nobody has spent it, or give a job's charge back",
    'tessera reverse close:0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34',
  )
    .option(...walletOption)
    .argument('<operation>', 'operation id as `tessera export` shows it')
    .action(async (operation: string, options) => (await load()).reverse(operation, options));
}

function addPaymentBooks(program: Command): void {
  const loadPayments = () => import('./commands/payments.js');
  const payments = program.command('payments').description('what was paid, and what waits for your decision');
  money(payments, 'list', 'list payments of all accounts, newest first', 'tessera payments list --state waiting')
    .option('--state <state>', 'waiting, paid, partly_refunded, refunded, disputed, lost (default: all)')
    .action(async (options) => (await loadPayments()).listPayments(options));
  money(payments, 'export', 'write payments as CSV', 'tessera payments export > payments.csv')
    .option('--state <state>', 'as in `payments list` (default: all)')
    .action(async (options) => (await loadPayments()).exportPayments(options));
  money(payments, 'credit', 'give the pack of a payment that waits, whatever the plan may buy', 'tessera payments credit stripe:pi_3Nq')
    .argument('<payment>', 'id from `payments list`')
    .action(async (payment: string, options) => (await loadPayments()).decidePayment(payment, 'credit', options));
  money(payments, 'refund', 'say that the money of a payment went back', 'tessera payments refund stripe:pi_3Nq')
    .argument('<payment>', 'id from `payments list`')
    .action(async (payment: string, options) => (await loadPayments()).decidePayment(payment, 'refund', options));
}

function addReports(program: Command): void {
  money(
    program,
    'quote',
    'what pictures, clips, a training or an enlargement would cost, line by line',
    'tessera quote motion --size 1024x576 --complexity complex',
  )
    .argument('<kind>', 'image, motion, training or upscale')
    .requiredOption('--size <WxH>', 'of each picture or frame; of an enlargement, what comes out')
    .option('--images <count>', 'pictures or clips; of a training, those that are learnt from')
    .option('--steps <count>')
    .option('--epochs <count>', 'of a training')
    .option('--complexity <word>', 'of motion: standard or complex')
    .option('--surcharge <name...>', 'for example character_reference')
    .option('--wallet <wallet>', 'plan or credits (default: the one that would pay)')
    .action(async (kind: string, options) => (await load()).askPrice(kind, options));
  money(program, 'balance', 'the balance, now or at any past instant', 'tessera balance --at 2026-11-01T12:00:00Z')
    .option('--at <time>', 'date or time, included (default: now)')
    .option(...walletOption)
    .action(async (options) => (await load()).showBalance(options));
  money(
    program,
    'usage',
    'what was charged, by member, model, project, job or picture, and what an accepted picture costs',
    'tessera usage --by project --from 2026-11-01',
  )
    .option('--by <what>', 'member, model, project, job or asset (one picture)', 'member')
    .option(...walletOption)
    .option(...fromOption)
    .option(...toOption)
    .action(async (options) => (await load()).showUsage(options));
  money(
    program,
    'statement',
    'what the account had, what came and went, what it has',
    'tessera statement --from 2026-11-01 --to 2026-12-01',
  )
    .option(...walletOption)
    .option(...fromOption)
    .option(...toOption)
    .action(async (options) => (await load()).showStatement(options));
  money(
    program,
    'accept',
    'mark a picture as accepted, so that reports tell what an accepted picture costs',
    'tessera accept 0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34',
  )
    .argument('<picture>', 'id of the picture')
    .option('--undo', 'take the mark back')
    .action(async (picture: string, options) => (await load()).acceptPicture(picture, options));
  money(
    program,
    'export',
    'write the ledger as CSV or Apache Parquet to standard output',
    'tessera export --format parquet > november.parquet',
  )
    .option('--format <format>', 'csv or parquet', 'csv')
    .option(...walletOption)
    .option(...fromOption)
    .option(...toOption)
    .action(async (options) => (await load()).exportEntries(options));
}

function addCatalogue(program: Command): void {
  const catalogue = program.command('catalogue').description('the price list: read it, judge a changed one, see who would pay what');
  money(catalogue, 'show', 'print the price list as JSON, all versions', 'tessera catalogue show > prices.json').action(async (options) =>
    (await import('./commands/catalogue.js')).showCatalogue(options),
  );
  money(
    catalogue,
    'lint',
    'say what is wrong or odd about a changed price list; exit code 1 on an error',
    'tessera catalogue lint prices.json',
  )
    .argument('<file>', 'price list, JSON')
    .action(async (file: string, options) => {
      const { lintCatalogue } = await import('./commands/catalogue.js');
      process.exitCode = await lintCatalogue(file, options);
    });
  money(
    catalogue,
    'simulate',
    "live accounts' lives again under a changed price list, and say who pays what",
    'tessera catalogue simulate prices.json',
  )
    .argument('<file>', 'price list, JSON; its last catalogue counts')
    .option(...toOption)
    .option('--synthetic', 'lives that are made up instead of real ones')
    .option('--seed <number>', 'of made-up lives: the same number, the same lives', '1')
    .option('--accounts <count>', 'made-up accounts of each plan', '5')
    .option('--jobs-per-day <count>', 'of a made-up account, on average', '20')
    .option('--days <count>', 'how long made-up accounts live', '30')
    .action(async (file: string, options) => (await import('./commands/catalogue.js')).simulateCatalogue(file, options));
  program
    .command('reconcile')
    .description('hold the ledger against the jobs; exit code 1 if anything was delivered and not charged, or charged and not delivered')
    .option('--json', 'print the findings and the summary, one JSON object a line')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera reconcile')
    .action(async (options) => {
      const { reconcile } = await import('./commands/reconcile.js');
      process.exitCode = await reconcile(options);
    });
}
