import { HttpException } from '@nestjs/common';
import { TesseraError } from '@tessera/platform/errors.js';
import { leonardoParams } from './schemas/leonardo.js';
import { openAiParams } from './schemas/openai.js';

/** A refusal as HTTP tells it. */
export type Refusal = { readonly status: number; readonly type: string; readonly message: string; readonly param: string | undefined; readonly retryAfterMs: number | undefined };

const typesByStatus: Readonly<Record<number, string>> = {
  400: 'malformed_request',
  404: 'unknown_route',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
};

export function refusalOf(error: TesseraError | HttpException): Refusal {
  if (error instanceof TesseraError) return { status: error.httpStatus, type: error.reason, message: error.message, param: error.param, retryAfterMs: error.retryAfterMs };
  const status = error.getStatus();
  return { status, type: typesByStatus[status] ?? 'malformed_request', message: sentence(error.message), param: undefined, retryAfterMs: undefined };
}

/** Leonardo's `code` is Hasura's; clients that look at it look for these. */
const slugs: Readonly<Record<number, string>> = { 400: 'validation-failed', 401: 'access-denied', 402: 'payment-required', 403: 'access-denied', 404: 'not-found', 409: 'conflict', 429: 'rate-limited' };

export function leonardoBody({ status, type, message, param }: Refusal, requestId: string) {
  const name = param === undefined ? undefined : (leonardoParams[param] ?? param);
  const code = type === 'unknown_field' || type === 'malformed_request' ? 'bad-request' : (slugs[status] ?? 'unexpected');
  return { error: message, path: name === undefined ? '$' : `$.${name}`, code, type, ...(name === undefined ? {} : { param: name }), doc: '/docs#errors', requestId };
}

/** https://platform.openai.com/docs/guides/error-codes */
export function openAiBody({ status, type, message, param }: Refusal) {
  return { error: { message, type: openAiType(status, type), param: param === undefined ? null : (openAiParams[param] ?? param), code: status === 401 ? 'invalid_api_key' : type } };
}

function openAiType(status: number, type: string): string {
  if (type === 'insufficient_tokens') return 'insufficient_quota';
  if (status === 429) return 'rate_limit_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

