import { ManualClock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { hourMs, openBilling, twoPictures } from './billing.fixture.js';
import { randomOf } from './random.fixture.js';

/** What 32 clients do to four accounts, in a process that is killed in the midst of it. Says on stdout what was acknowledged. */
const [dataDir = '', seed = '', run = '', nowMs = '', mayFail = ''] = process.argv.slice(2);
const clientCount = 32;
const jobCount = 150;
/** Long enough for every kill; a worker that nobody kills ends by itself. */
const stepsMax = 2_000;
const dayMs = 24 * hourMs;

const plans = { ann: 'maestro', bob: 'artisan', cat: 'free', dan: 'team-starter' } as const;
const accountIds = Object.keys(plans);
const billing = await openBilling(dataDir, new ManualClock(Number(nowMs)));
const { accounts, reservations, clock, dueWork } = billing;
const report = (...words: (string | number)[]): void => void process.stdout.write(`${words.join(' ')}\n`);

type Step = () => Promise<void>;

/** Each is idempotent, so whatever comes twice, late or in the wrong order changes nothing more. */
function stepOf(random: ReturnType<typeof randomOf>): Step {
  const account = random.pick(accountIds);
  const job = `job-${random.below(jobCount)}`;
  const order = random.below(60);
  const steps: [weight: number, step: Step][] = [
    [8, async () => void (await reservations.reserve(account, job, { ...twoPictures, images: 4 }, clock.now() + 25 * dayMs))],
    // The number of delivered images follows from the job: a repeat says the same.
    [
      6,
      async () => report('settled', account, job, (await reservations.settle(account, job, 1 + (Number(job.slice(4)) % 4))).chargedTokens),
    ],
    [2, async () => void report('released', account, job, (await reservations.release(account, job, 'failed')).state)],
    [
      2,
      async () =>
        void report('bought', account, `order-${order}`, (await accounts.topUp(account, `order-${order}`, 100 + order)).lastEntry),
    ],
    [1, async () => void (await accounts.reverse(account, `topup:order-${order}`))],
    [1, async () => void (await accounts.changePlan(account, `change-${order}`, random.pick(['artisan', 'maestro'])))],
    [
      1,
      async () =>
        void (await accounts.configure(account, `limit-${order}`, { kind: 'limits', spendCapTokens: order % 2 === 0 ? null : 5_000 })),
    ],
    [1, async () => void (await dueWork.sweep())],
    [1, async () => clock.advance(random.pick([-hourMs, -1, 1, hourMs, hourMs, 3 * dayMs]))],
  ];
  let at = random.below(steps.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, step] of steps) {
    if (at < weight) return step;
    at -= weight;
  }
  return async () => {};
}

/** What the ledger's rules say no to; all else is a fault. */
const isRefusal = (error: unknown): boolean => error instanceof TesseraError && error.kind !== 'Unavailable' && error.kind !== 'Internal';

async function client(name: number): Promise<void> {
  const random = randomOf(Number(seed) * 1_000_003 + Number(run) * 1_009 + name);
  for (let n = 0; n < stepsMax; n++) {
    const step = stepOf(random);
    // One in four is delivered twice, side by side.
    const deliveries = random.below(4) === 0 ? [step(), step()] : [step()];
    for (const delivered of await Promise.allSettled(deliveries)) {
      if (delivered.status === 'fulfilled' || isRefusal(delivered.reason)) continue;
      if (mayFail !== 'may-fail') throw delivered.reason;
      report('failed', String(delivered.reason).replaceAll(/\s+/g, '_'));
    }
    report('at', clock.now());
  }
}

await Promise.all(accountIds.map((accountId) => accounts.open(accountId, plans[accountId as keyof typeof plans])));
await Promise.all(Array.from({ length: clientCount }, (_, name) => client(name)));
