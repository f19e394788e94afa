import { z } from 'zod';
import { scopes } from '../../key.store.js';
import { text } from './text.js';

/** Our own resources and the query parameters. Unknown query parameters are left alone: proxies add their own. */

/** One top-up; billing has a limit of its own. */
const topUpTokensMax = 1_000_000_000_000;

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, '1 to 64 letters, digits, dots, dashes or underscores');
const limit = z.int().min(0).max(topUpTokensMax).nullable();
const seats = z.int().min(1).max(1_000).optional().describe('Default: as few as the plan is sold with.');
const plan = z.string().min(1).max(64);

export const openAccountBody = z.strictObject({ plan, seats }).meta({ id: 'OpenAccount' });
export const changePlanBody = z.strictObject({ plan, seats }).meta({ id: 'ChangePlan' });
export const limitsBody = z
  .strictObject({
    spendCapTokens: limit.optional().describe('The most that the account may spend in a cycle; null takes the cap away.'),
    lowBalanceTokens: limit.optional().describe('Falling below this is told once, as an event; null switches it off.'),
  })
  .meta({ id: 'SetLimits' });
export const memberBody = z.strictObject({ capTokens: limit.default(null).describe('The most that the member may spend in a cycle; null: no cap.') }).meta({ id: 'Member' });
export const reversalBody = z.strictObject({ operationId: z.string().min(1).max(128).describe('As the entries name it: `topup:…` or `close:…`.') }).meta({ id: 'Reversal' });

export const paymentBody = z.strictObject({ paymentId: word.describe('Whatever names the payment in your books; it counts once.'), pack: z.string().min(1).max(64) }).meta({ id: 'Payment' });

export const topUpBody = z.strictObject({ tokens: z.int().min(1).max(topUpTokensMax) }).meta({ id: 'TopUp' });

export const createKeyBody = z
  .strictObject({
    name: text(100).describe('For people, to tell keys apart.'),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).optional().describe('`all`, or `read` for a key that can change nothing. Default: all.'),
    memberId: word.optional().describe('Whose key it is: what it spends counts to this member and against the cap. It cannot change the account.'),
    project: word.optional().describe('What it spends counts to this project in usage reports.'),
  })
  .meta({ id: 'CreateKey' });

const waitMsMax = 60_000;
const whole = (max: number) => z.coerce.number().int().min(0).max(max);

export const waitQuery = z.object({ wait: whole(waitMsMax).default(0).describe('Answer when the job has ended, or after so many milliseconds.') });
export const createQuery = z.object({ dryRun: z.enum(['true', 'false']).default('false').describe('`true`: validate and price, create nothing.') });
export const listQuery = z.object({ limit: whole(100).default(10), offset: whole(10_000).default(0) });
export const entriesQuery = z.object({ pageSize: z.coerce.number().int().min(1).max(500).default(50), pageToken: z.string().max(500).default('') });

const instant = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })])
  .transform((text) => Date.parse(text))
  .optional();
const periodFields = { from: instant.describe('Date or time (ISO 8601). Default: the beginning.'), to: instant.describe('Date or time, not included. Default: now.') };
export const periodQuery = z.object(periodFields);
export const usageQuery = z.object({ ...periodFields, by: z.enum(['member', 'model', 'project', 'job']).default('member') });
export const priceListBody = z.array(z.looseObject({})).min(1).max(1_000).meta({ id: 'PriceList', description: 'Catalogues, oldest first, as `GET /catalogue` answers them.' });
export const simulationQuery = z.object({ accountId: z.union([z.uuid(), z.literal('')]).default('').describe('Default: all accounts.'), to: instant.describe('Date or time, not included. Default: now.') });
export const balanceQuery = z.object({ at: instant.describe('Date or time (ISO 8601), included. Default: now.') });
export const eventsQuery = z.object({ after: z.string().max(100).default('').describe('Resume after this event id; the header Last-Event-ID wins.') });
