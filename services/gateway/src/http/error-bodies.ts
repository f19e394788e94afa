import { HttpException } from '@nestjs/common';
import { refusal, TesseraError, type Reason } from '@tessera/platform/errors.js';
import { pageOf } from '@tessera/platform/errors/reasons.js';

/** A refusal as HTTP tells it. */
export type Refusal = {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Whether the very same call may succeed later; absent: no. */
  readonly retryable?: boolean;
};

const reasonsByStatus: Readonly<Record<number, Reason>> = {
  400: 'malformed_request',
  404: 'unknown_route',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
};

/** Routing and parsing know statuses only. */
export const refusalOfStatus = (status: number, message: string): TesseraError =>
  refusal(reasonsByStatus[status] ?? 'malformed_request', sentence(message));

export function refusalOf(error: TesseraError | HttpException, paramOf: (param: string) => string | undefined = (param) => param): Refusal {
  const { httpStatus, reason, message, param, retryAfterMs, retryable } =
    error instanceof TesseraError ? error : refusalOfStatus(error.getStatus(), error.message);
  return {
    status: error instanceof TesseraError ? httpStatus : error.getStatus(),
    type: reason,
    message,
    param: param === undefined ? undefined : paramOf(param),
    retryAfterMs,
    retryable,
  };
}

/** Leonardo's `code` is Hasura's; clients that look at it look for these. */
const slugs: Readonly<Record<number, string>> = {
  400: 'validation-failed',
  401: 'access-denied',
  402: 'payment-required',
  403: 'access-denied',
  404: 'not-found',
  409: 'conflict',
  422: 'validation-failed',
  429: 'rate-limited',
};

export function leonardoBody({ status, type, message, param }: Refusal, requestId: string) {
  const code = type === 'unknown_field' || type === 'malformed_request' ? 'bad-request' : (slugs[status] ?? 'unexpected');
  return {
    error: message,
    path: param === undefined ? '$' : `$.${param}`,
    code,
    type,
    ...(param === undefined ? {} : { param }),
    doc: pageOf(type),
    requestId,
  };
}

/** https://platform.openai.com/docs/guides/error-codes */
export function openAiBody({ status, type, message, param }: Refusal) {
  return { error: { message, type: openAiType(status, type), param: param ?? null, code: status === 401 ? 'invalid_api_key' : type } };
}

/** OpenAI's clients repeat 408, 409, 429 and every 5xx by themselves, a paid job with them, unless they are told not to. */
export const retryHeaders = (url: string, { retryable }: Refusal): Record<string, string> =>
  url.startsWith('/v1/') && !retryable ? { 'x-should-retry': 'false' } : {};

function openAiType(status: number, type: string): string {
  if (type === 'insufficient_tokens' || type === 'insufficient_credits') return 'insufficient_quota';
  if (status === 429) return 'rate_limit_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
