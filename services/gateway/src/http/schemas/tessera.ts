import { z } from 'zod';
import { scopes } from '../../keys/key.store.js';
import { text } from './text.js';

/** Our own resources and the query parameters. Unknown names are refused in both: a misspelt `dryRun` would be charged. */

/** One top-up; billing has a limit of its own. */
const topUpTokensMax = 1_000_000_000_000;

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, '1 to 64 letters, digits, dots, dashes or underscores');
const limit = z.int().min(0).max(topUpTokensMax).nullable();
const seats = z.int().min(1).max(1_000).optional().describe('Default: as few as the plan is sold with.');
const plan = z.string().min(1).max(64);

const wallet = z.enum(['plan', 'credits']).default('plan').describe('The tokens of the plan, or the API credits.');

export const openAccountBody = z
  .strictObject({
    plan,
    seats,
    utcOffsetMinutes: z
      .int()
      .min(-720)
      .max(840)
      .default(0)
      .describe('Minutes that its clocks are ahead of UTC: daily tokens come at their midnight.'),
  })
  .meta({ id: 'OpenAccount' });
export const changePlanBody = z.strictObject({ plan, seats }).meta({ id: 'ChangePlan' });
export const limitsBody = z
  .strictObject({
    spendCapTokens: limit.optional().describe('The most that the account may spend in a cycle; null takes the cap away.'),
    lowBalanceTokens: limit.optional().describe('Falling below this is told once, as an event; null switches it off.'),
    wallet,
  })
  .meta({ id: 'SetLimits' });
export const memberBody = z
  .strictObject({ capTokens: limit.default(null).describe('The most that the member may spend in a cycle; null: no cap.') })
  .meta({ id: 'Member' });
export const reversalBody = z
  .strictObject({ operationId: z.string().min(1).max(128).describe('As the entries name it: `topup:…` or `close:…`.'), wallet })
  .meta({ id: 'Reversal' });

export const paymentBody = z
  .strictObject({ paymentId: word.describe('Whatever names the payment in your books; it counts once.'), pack: z.string().min(1).max(64) })
  .meta({ id: 'Payment' });

const paymentFilter = {
  accountId: z.string().max(64).default('').describe('Default: of all accounts.'),
  state: z
    .enum(['', 'received', 'waiting', 'paid', 'partly_refunded', 'refunded', 'disputed', 'lost'])
    .default('')
    .describe('`waiting`: for your decision. Default: in every state.'),
};
export const paymentsQuery = z.strictObject({
  ...paymentFilter,
  pageSize: z.coerce.number().int().min(1).max(500).default(100),
  pageToken: z.string().max(500).default(''),
});
export const paymentsExportQuery = z.strictObject(paymentFilter);

export const topUpBody = z.strictObject({ tokens: z.int().min(1).max(topUpTokensMax), wallet }).meta({ id: 'TopUp' });

export const createKeyBody = z
  .strictObject({
    name: text(100).describe('For people, to tell keys apart.'),
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .max(scopes.length)
      .optional()
      .describe('`all`, or `read` for a key that can change nothing. Default: all.'),
    memberId: word
      .optional()
      .describe('Whose key it is: what it spends counts to this member and against the cap. It cannot change the account.'),
    project: word.optional().describe('What it spends counts to this project in usage reports.'),
    wallet: z.literal('credits').optional().describe("Its jobs are paid with API credits. Default: as the account's plan says."),
  })
  .meta({ id: 'CreateKey' });

const webhookFields = {
  events: z
    .array(z.string().min(1).max(64))
    .max(16)
    .describe('`job.finished`, `account.low_balance`, `account.spend_cap`; an empty list: all.'),
  description: text(200),
};
const webhookUrl = z
  .string()
  .min(1)
  .max(2_048)
  .describe(
    'An https address. Redirects are not followed, and addresses of private networks are not called unless the operator allows it.',
  );
export const createWebhookBody = z
  .strictObject({ url: webhookUrl, events: webhookFields.events.default([]), description: webhookFields.description.default('') })
  .meta({ id: 'CreateWebhook' });
export const updateWebhookBody = z
  .strictObject({
    url: webhookUrl.optional(),
    events: webhookFields.events.optional(),
    description: webhookFields.description.optional(),
    isEnabled: z.boolean().optional(),
  })
  .meta({ id: 'UpdateWebhook' });

const waitMsMax = 60_000;
const whole = (max: number) => z.coerce.number().int().min(0).max(max);

/** Of operations that take none. */
export const noQuery = z.strictObject({});
export const waitQuery = z.strictObject({
  wait: whole(waitMsMax).default(0).describe('Answer when the job has ended, or after so many milliseconds.'),
});
export const createQuery = z.strictObject({
  dryRun: z.enum(['true', 'false']).default('false').describe('`true`: validate and price, create nothing.'),
});
export const listQuery = z.strictObject({
  limit: whole(100).default(10),
  offset: whole(10_000).default(0),
  pageToken: z
    .string()
    .max(500)
    .default('')
    .describe('`tessera.nextPageToken` of the page before: stable while jobs arrive, and without an end but that of the data.'),
});
export const entriesQuery = z.strictObject({
  pageSize: z.coerce.number().int().min(1).max(500).default(50),
  pageToken: z.string().max(500).default(''),
  wallet,
});

export const deadLettersQuery = z.strictObject({
  group: z.string().max(100).default('').describe('Default: of all groups.'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** What is no id names nobody: it is answered like an id that is nobody's, with 404. */
const idAsked = z.string().max(500).default('');

export const deliveriesQuery = z.strictObject({
  webhookId: idAsked.describe('Default: of all webhooks.'),
  pageSize: z.coerce.number().int().min(1).max(100).default(50),
  pageToken: z.string().max(500).default(''),
});

const instant = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })])
  .transform((text) => Date.parse(text))
  .optional();
const periodFields = {
  from: instant.describe('Date or time (ISO 8601). Default: the beginning.'),
  to: instant.describe('Date or time, not included. Default: now.'),
};
export const periodQuery = z.strictObject({ ...periodFields, wallet });
export const usageQuery = z.strictObject({
  ...periodFields,
  wallet,
  by: z.enum(['member', 'model', 'project', 'job', 'asset']).default('member').describe('`asset`: each picture.'),
});
export const priceListBody = z
  .array(z.looseObject({}))
  .min(1)
  .max(1_000)
  .meta({ id: 'PriceList', description: 'Catalogues, oldest first, as `GET /catalogue` answers them.' });
export const simulationQuery = z.strictObject({
  accountId: idAsked.describe('Default: all accounts.'),
  to: instant.describe('Date or time, not included. Default: now.'),
  synthetic: z.enum(['true', 'false']).default('false').describe('`true`: lives that are made up from the seed instead of real ones.'),
  seed: whole(4_294_967_295).default(1),
  accountsPerPlan: z.coerce.number().int().min(1).max(100).default(5),
  jobsPerDay: z.coerce.number().int().min(1).max(1_000).default(20),
  days: z.coerce.number().int().min(1).max(366).default(30),
});
export const pauseBody = z
  .strictObject({ resumesAt: instant.describe('Date or time (ISO 8601) when the plan goes on by itself. Default: when it is asked to.') })
  .meta({ id: 'PausePlan' });
export const markBody = z.strictObject({ accepted: z.boolean() }).meta({ id: 'MarkPicture' });

const count = (max: number) => z.int().min(1).max(max);
export const quoteBody = z
  .strictObject({
    kind: z
      .enum(['image', 'motion', 'training', 'upscale'])
      .default('image')
      .describe('Motion: `images` are clips. Training: those that are learnt from. Upscale: the size is the enlarged one.'),
    model: word.default('mosaic-3d'),
    width: count(16_384),
    height: count(16_384),
    images: count(100).default(1),
    steps: count(1_000).default(1),
    epochs: count(1_000).optional().describe('Of a training.'),
    complexity: z.enum(['standard', 'complex']).optional().describe('Of motion.'),
    superResolution: z.boolean().default(false),
    surcharges: z.array(word).max(16).default([]),
    wallet: z.enum(['plan', 'credits']).optional().describe("Default: the key's, or as the account's plan says."),
  })
  .meta({ id: 'AskPrice' });
export const balanceQuery = z.strictObject({ at: instant.describe('Date or time (ISO 8601), included. Default: now.'), wallet });
const resumed = { after: z.string().max(100).default('').describe('Resume after this event id; the header Last-Event-ID wins.') };
export const eventsQuery = z.strictObject(resumed);
export const accountEventsQuery = z.strictObject({
  ...resumed,
  previews: z.enum(['true', 'false']).default('false').describe('`true`: previews, too; they are large.'),
});
