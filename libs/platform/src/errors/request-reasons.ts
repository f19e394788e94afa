import type { ReasonEntry } from './reason-entry.js';

/** The shape of a request, and who sends it. */
export const requestReasons = {
  missing_field: { kind: 'InvalidArgument', explains: 'A field that the request needs is absent; `param` names it.' },
  unknown_field: {
    kind: 'InvalidArgument',
    explains: 'The request has a field that this call does not know. The message offers the closest name; nothing was done.',
  },
  invalid_field: {
    kind: 'InvalidArgument',
    explains: 'A field has a value of the wrong type or out of its range; `param` names it and the message says what is allowed.',
  },
  invalid_id: { kind: 'InvalidArgument', explains: 'An id that the caller may choose has characters or a length that ids do not have.' },
  invalid_limit: { kind: 'InvalidArgument', explains: 'A page would be larger than pages may be, or empty.' },
  invalid_offset: { kind: 'InvalidArgument', explains: 'More is to be skipped than can be; narrow the list instead.' },
  invalid_cursor: { kind: 'InvalidArgument', explains: 'The page token is not one of this list. Begin again without it.' },
  too_many_ids: { kind: 'InvalidArgument', explains: 'One call asks for more ids than are answered at once; ask in several calls.' },
  too_many: { kind: 'InvalidArgument', explains: 'One call brings more items than are taken at once; send them in several calls.' },
  unsupported_feature: {
    kind: 'InvalidArgument',
    explains: 'The field is known, and what it asks for is not to be had here. Leave it out, or switch it off.',
  },
  missing_body: { kind: 'InvalidArgument', explains: 'The call needs a body and has none.' },
  malformed_json: { kind: 'InvalidArgument', explains: 'The body is not valid JSON.' },
  invalid_utf8: { kind: 'InvalidArgument', explains: 'The body is text that is not valid UTF-8.' },
  json_too_deep: { kind: 'InvalidArgument', explains: 'The body nests deeper than any request needs to.' },
  malformed_form: { kind: 'InvalidArgument', explains: 'The multipart form cannot be read: it is cut off, or is no form.' },
  missing_file: { kind: 'InvalidArgument', explains: 'The multipart form has no part named `file`.' },
  malformed_request: { kind: 'InvalidArgument', explains: 'What was sent is not valid HTTP, or its path or body cannot be decoded.' },
  unknown_route: {
    kind: 'NotFound',
    explains: 'The server has no such path, or not with this method. The description at /openapi.json lists them all.',
  },
  method_not_allowed: { kind: 'InvalidArgument', http: 405, explains: 'The path exists, but not with this method.' },
  request_timeout: { kind: 'DeadlineExceeded', http: 408, explains: 'The request did not arrive in time.' },
  body_too_large: { kind: 'InvalidArgument', http: 413, explains: 'The body has more bytes than this call takes.' },
  uri_too_long: { kind: 'InvalidArgument', http: 414, explains: 'The path is longer than any path of this server.' },
  unsupported_media_type: {
    kind: 'InvalidArgument',
    http: 415,
    explains: 'The body is of a type that this call does not read. Send application/json, or multipart/form-data where a file is uploaded.',
  },
  headers_too_large: { kind: 'InvalidArgument', http: 431, explains: 'The headers have more bytes than the server takes.' },
  invalid_idempotency_key: { kind: 'InvalidArgument', explains: 'An idempotency key is 1 to 255 printable ASCII characters.' },
  missing_key: { kind: 'Unauthenticated', explains: 'The call has no API key. Send it as `Authorization: Bearer <key>`.' },
  wrong_key: { kind: 'Unauthenticated', explains: 'The API key is unknown or was revoked.' },
  read_only_key: { kind: 'PermissionDenied', explains: 'The API key has the scope `read`, and the call changes something.' },
  owner_only: { kind: 'PermissionDenied', explains: "Only keys of the installation's owner may do this." },
  member_key: {
    kind: 'PermissionDenied',
    explains: "The API key was made for a member: it spends the account's tokens, and cannot change the account.",
  },
  rate_limited: {
    kind: 'ResourceExhausted',
    explains: "The plan's requests of this minute are used up. `Retry-After` says when the next are there.",
  },
  too_many_streams: {
    kind: 'ResourceExhausted',
    explains:
      'The account has as many event streams open as one account may have. Close one, or share one: a stream tells everything that happens to the account.',
  },
  unknown_key: { kind: 'NotFound', explains: 'The account has no API key with this id.' },
  too_many_keys: { kind: 'FailedPrecondition', explains: 'The account has as many API keys as an account may have.' },
  unknown_user: { kind: 'NotFound', explains: 'The user id is not the one of this key; `GET /me` tells it.' },
  unknown_webhook: { kind: 'NotFound', explains: 'The account has no webhook with this id.' },
  unknown_delivery: { kind: 'NotFound', explains: 'The account has no webhook delivery with this id; they are kept for 30 days.' },
  too_many_webhooks: { kind: 'FailedPrecondition', explains: 'The account has as many webhooks as an account may have; remove one first.' },
  unknown_dead_letter: {
    kind: 'NotFound',
    explains: 'There is no such event among those that could not be handled; it may have been sent again already.',
  },
  redrive_failed: { kind: 'FailedPrecondition', explains: 'The event was handled once more, and failed again; the message says why.' },
  no_handler: { kind: 'FailedPrecondition', explains: 'This release no longer handles events of that type for that group.' },
} as const satisfies Record<string, ReasonEntry>;
