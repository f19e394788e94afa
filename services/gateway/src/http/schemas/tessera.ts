import { z } from 'zod';
import { scopes } from '../../key.store.js';
import { text } from './text.js';

/** Our own resources and the query parameters. Unknown query parameters are left alone: proxies add their own. */

/** One top-up; billing has a limit of its own. */
const topUpTokensMax = 1_000_000_000_000;

export const topUpBody = z.strictObject({ tokens: z.int().min(1).max(topUpTokensMax) }).meta({ id: 'TopUp' });

export const createKeyBody = z
  .strictObject({
    name: text(100).describe('For people, to tell keys apart.'),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).optional().describe('`all`, or `read` for a key that can change nothing. Default: all.'),
  })
  .meta({ id: 'CreateKey' });

const waitMsMax = 60_000;
const whole = (max: number) => z.coerce.number().int().min(0).max(max);

export const waitQuery = z.object({ wait: whole(waitMsMax).default(0).describe('Answer when the job has ended, or after so many milliseconds.') });
export const createQuery = z.object({ dryRun: z.enum(['true', 'false']).default('false').describe('`true`: validate and price, create nothing.') });
export const listQuery = z.object({ limit: whole(100).default(10), offset: whole(10_000).default(0) });
export const entriesQuery = z.object({ pageSize: z.coerce.number().int().min(1).max(500).default(50), pageToken: z.string().max(500).default('') });
export const eventsQuery = z.object({ after: z.string().max(100).default('').describe('Resume after this event id; the header Last-Event-ID wins.') });
