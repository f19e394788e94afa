import { internal, invalidArgument, TesseraError, unavailable } from '@tessera/platform/errors.js';
import { z } from 'zod';
import type { HttpAnswer } from './http-call.js';

/** Of a stranger's sentence in a message of ours. */
const sentenceCharactersMax = 300;
const retryAfterSecondsMax = 24 * 3_600;
/** OpenAI's, https://platform.openai.com/docs/guides/error-codes and the guide to image generation. */
const contentCodes: readonly string[] = [
  'moderation_blocked',
  'content_policy_violation',
  'image_generation_user_error',
  'sexual_content',
  'content_filter',
];

const errorBody = z.object({
  /** OpenAI's form; Replicate's predictions say it in one string. */
  error: z
    .union([z.object({ message: z.string().nullish(), code: z.unknown().optional(), type: z.unknown().optional() }), z.string()])
    .nullish(),
  /** FastAPI's: a sentence, or one entry for each wrong field. */
  detail: z.union([z.string(), z.array(z.object({ loc: z.array(z.unknown()).nullish(), msg: z.string() }))]).nullish(),
});

export type Said = { readonly sentence: string; readonly codes: readonly string[] };

/** What the server says in its own words, on one line and cut. */
export function saidIn({ body }: HttpAnswer): Said {
  const parsed = errorBody.safeParse(jsonOf(body));
  const { error, detail } = parsed.success ? parsed.data : {};
  const codes = typeof error === 'object' ? [error?.code, error?.type].filter((code) => typeof code === 'string') : [];
  if (typeof error === 'string') return { sentence: oneLine(error), codes };
  if (error?.message) return { sentence: oneLine(error.message), codes };
  if (typeof detail === 'string') return { sentence: oneLine(detail), codes };
  const fields = (detail ?? []).map(({ loc, msg }) => [...(loc ?? []).map(String), msg].join(': '));
  return { sentence: oneLine(fields.join('; ')), codes };
}

export const oneLine = (text: string): string =>
  text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, sentenceCharactersMax);

export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

export type Verdict =
  /** It was refused, or has failed for good. */
  | { readonly is: 'final'; readonly error: TesseraError }
  /** Nothing was begun; the same request may be sent again, after so long where the server says. */
  | { readonly is: 'not_begun'; readonly error: TesseraError; readonly retryAfterMs: number | undefined }
  /** It may have been begun. */
  | { readonly is: 'unknown'; readonly error: TesseraError };

type Judged = {
  /** For messages: the model, as callers know it. */
  readonly modelId: string;
  readonly host: string;
  readonly notBegunStatuses: readonly number[];
  /** 500 is how the server says that the job has failed. */
  readonly failsWith500: boolean;
};

/** What an answer that is no success means. */
export function verdictOn(answer: HttpAnswer, said: Said, { modelId, host, notBegunStatuses, failsWith500 }: Judged): Verdict {
  const { status } = answer;
  const words = said.sentence === '' ? `status ${status}` : said.sentence;
  const misconfigured = (what: string): Verdict => ({
    is: 'final',
    error: unavailable('engine_misconfigured', `The server of ${modelId} (${host}) ${what}.`),
  });
  if (said.codes.some((code) => contentCodes.includes(code)))
    return { is: 'final', error: invalidArgument('content_refused', `The provider of ${modelId} refuses this picture: ${words}`) };
  // Its words about a key may hold a part of the key.
  if (status === 401 || status === 403) return misconfigured(`does not accept the key (${status})`);
  if (status === 402 || said.codes.includes('insufficient_quota')) return misconfigured('wants to be paid first');
  if (status === 404 || status === 405) return misconfigured(`has no such route or model (${status}): ${words}`);
  if (status >= 300 && status < 400) return misconfigured(`redirects to somewhere else (${status}), which is not followed`);
  if (status === 429 || notBegunStatuses.includes(status)) {
    const retryAfterMs = retryAfterMsOf(answer);
    const error = unavailable('engine_unavailable', `The server of ${modelId} takes no more requests just now: ${words}`, {
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
    return { is: 'not_begun', error, retryAfterMs };
  }
  if (status >= 400 && status < 500 && status !== 408)
    return { is: 'final', error: invalidArgument('server_refused', `The server of ${modelId} refuses the request: ${words}`) };
  const failed = `The server of ${modelId} failed: ${words}`;
  if (status === 500 && failsWith500) return { is: 'final', error: internal('painting_failed', failed) };
  return { is: 'unknown', error: unavailable('engine_unavailable', failed) };
}

/** Seconds; a date is another server's clock, and is not believed. */
function retryAfterMsOf({ headers }: HttpAnswer): number | undefined {
  const [seconds] = /^\d{1,6}$/.exec(headers['retry-after'] ?? '') ?? [];
  return seconds === undefined ? undefined : 1_000 * Math.min(retryAfterSecondsMax, Number(seconds));
}
