import { failedPrecondition, unavailable, type TesseraError } from '@tessera/platform/errors.js';
import kafkajs from 'kafkajs';

/** What an exception of the client is in our taxonomy. */
export function brokerError(error: unknown): Error {
  if (error instanceof kafkajs.KafkaJSError)
    return unavailable('broker_unavailable', `Kafka does not answer as it should: ${error.message}`, { cause: error, retryAfterMs: 1000 });
  return error as Error;
}

type Failure = { readonly name: string; readonly code?: unknown; readonly type?: unknown };

const expired = new Set<unknown>(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
/** What Node calls a certificate that leads to no authority that it knows (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const untrusted = new Set<unknown>([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]);

/** What the operator has to change, in words that end a sentence about the brokers; first match wins. */
const refusals: readonly (readonly [applies: (failure: Failure) => boolean, advice: string])[] = [
  [
    ({ name }) => name === 'KafkaJSSASLAuthenticationError',
    'refuses the user or the password: set TESSERA_KAFKA_USERNAME and TESSERA_KAFKA_PASSWORD to a pair that it knows by TESSERA_KAFKA_SASL_MECHANISM',
  ],
  [
    ({ type }) => type === 'UNSUPPORTED_SASL_MECHANISM',
    'does not offer this mechanism: set TESSERA_KAFKA_SASL_MECHANISM to one that it does',
  ],
  [
    ({ type }) => type === 'ILLEGAL_SASL_STATE',
    'has no SASL at this port: unset TESSERA_KAFKA_SASL_MECHANISM, or name a port that has in TESSERA_KAFKA_BROKERS',
  ],
  [
    ({ code }) => untrusted.has(code),
    'has a certificate of an authority that is not known here: set TESSERA_KAFKA_CA_FILE to that authority’s',
  ],
  [({ code }) => expired.has(code), 'has a certificate that is not valid now: renew it, or set this machine’s clock'],
  [
    ({ code }) => code === 'ERR_TLS_CERT_ALTNAME_INVALID',
    'has a certificate for other names: name the brokers in TESSERA_KAFKA_BROKERS, and in their advertised listeners, as their certificates do',
  ],
  [
    ({ code }) => /ALERT_(BAD_CERTIFICATE|CERTIFICATE|UNKNOWN_CA)/.test(String(code)),
    'wants a certificate of this client that it trusts: set TESSERA_KAFKA_CERT_FILE and TESSERA_KAFKA_KEY_FILE',
  ],
  [
    ({ code }) => code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG',
    'speaks no TLS at this port: leave out TESSERA_KAFKA_TLS and its certificates, or name a port that does in TESSERA_KAFKA_BROKERS',
  ],
];

/** Why the brokers do not let us in: FailedPrecondition `broker_refused` where only a setting helps, else Unavailable `broker_unavailable`. */
export function connectionFailure(error: unknown, brokers: readonly string[]): TesseraError {
  const failures = chain(error);
  const where = `Kafka at ${brokers.join(', ')}`;
  for (const [applies, advice] of refusals) {
    if (failures.some(applies)) return failedPrecondition('broker_refused', `${where} ${advice}.`, { cause: error });
  }
  const what = error instanceof Error ? error.message : String(error);
  // A broker that requires TLS or a user closes the connection without a reason where there is none.
  const isHungUp = failures.some(({ name, code }) => name === 'KafkaJSConnectionClosedError' || code === 'ECONNRESET');
  const hint = isHungUp ? '; if this port has TLS or SASL, or has not, TESSERA_KAFKA_TLS and TESSERA_KAFKA_SASL_MECHANISM must say so' : '';
  return unavailable(
    'broker_unavailable',
    `${where} cannot be reached (${what}): check TESSERA_KAFKA_BROKERS and that the broker runs${hint}.`,
    { cause: error },
  );
}

function chain(error: unknown): Failure[] {
  const failures: Failure[] = [];
  for (let at = error; at instanceof Error; at = at.cause) failures.push(at);
  return failures;
}
