import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment } from './config.js';

/** Settings of Kafka, by the ends of the variables' names. */
const kafkaOf = (variables: Record<string, string>) =>
  configFromEnvironment(Object.fromEntries(Object.entries(variables).map(([name, value]) => [`TESSERA_KAFKA_${name}`, value]))).kafka;
const user = { USERNAME: 'tessera', PASSWORD: 'hidden' };

describe('how brokers are spoken to', () => {
  it('is in the open and as nobody, unless something else is set', () => {
    expect(configFromEnvironment({}).kafka).toBeUndefined();
    expect(kafkaOf({ TLS: 'false' })).toEqual({});
  });

  it('is TLS where it is asked for, and where a certificate is named', () => {
    expect(kafkaOf({ TLS: 'true' })).toEqual({ tls: {} });
    expect(kafkaOf({ CA_FILE: '/ca.crt' })).toEqual({ tls: { caFile: '/ca.crt' } });
    expect(kafkaOf({ CERT_FILE: '/tls.crt', KEY_FILE: '/tls.key' })).toEqual({
      tls: { client: { certFile: '/tls.crt', keyFile: '/tls.key' } },
    });
  });

  it.each(['plain', 'scram-sha-256', 'SCRAM-SHA-512'])('is SASL by %s, with or without TLS', (mechanism) => {
    const sasl = { mechanism: mechanism.toLowerCase(), username: 'tessera', password: 'hidden' };
    expect(kafkaOf({ SASL_MECHANISM: mechanism, ...user })).toEqual({ sasl });
    expect(kafkaOf({ SASL_MECHANISM: mechanism, ...user, TLS: 'true' })).toEqual({ tls: {}, sasl });
  });

  const refused: [string, Record<string, string>, RegExp][] = [
    ['a user without a mechanism', user, /saslMechanism: .*set TESSERA_KAFKA_SASL_MECHANISM to plain, scram-sha-256 or scram-sha-512$/],
    ['a mechanism that is unknown', { ...user, SASL_MECHANISM: 'gssapi' }, /saslMechanism: set TESSERA_KAFKA_SASL_MECHANISM to plain/],
    ['a mechanism without a user', { SASL_MECHANISM: 'plain', PASSWORD: 'hidden' }, /username: .*set TESSERA_KAFKA_USERNAME$/],
    ['a user without a password', { SASL_MECHANISM: 'plain', USERNAME: 'tessera' }, /password: .*set TESSERA_KAFKA_PASSWORD$/],
    ['a certificate without its key', { CERT_FILE: '/tls.crt' }, /keyFile: .*set TESSERA_KAFKA_KEY_FILE as well/],
    ['a key without its certificate', { KEY_FILE: '/tls.key' }, /certFile: .*set TESSERA_KAFKA_CERT_FILE as well/],
    ['a CA where TLS is turned off', { TLS: 'false', CA_FILE: '/ca.crt' }, /tls: TESSERA_KAFKA_CA_FILE is for TLS/],
    ['a TLS that is neither on nor off', { TLS: 'perhaps' }, /tls: set TESSERA_KAFKA_TLS to true or false$/],
  ];
  it.each(refused)('is refused with advice: %s', (_, variables, sentence) => {
    expect(() => kafkaOf(variables)).toThrow(sentence);
    expect(() => kafkaOf(variables)).not.toThrow(/hidden/);
  });
});
