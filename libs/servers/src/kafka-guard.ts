import fs from 'node:fs/promises';
import path from 'node:path';
import { loopbackCertificate, loopbackKey } from './loopback-certificate.js';

/** Users of a guarded broker, by the mechanism that knows them. */
export const kafkaUsers = {
  plain: { username: 'plain-user', password: 'of-plain' },
  'scram-sha-512': { username: 'scram-user', password: 'of-scram' },
} as const;

const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule';

/** Ports of a guarded broker: `sasl` wants a user, `mutual` a certificate of the client; `inside` is the broker's own. */
export type GuardedPorts = { readonly sasl: number; readonly mutual: number; readonly inside: number };

/** Settings on top of those of an open broker: TLS with the loopback certificate, which is its own authority. */
export async function guard({ sasl, mutual, inside }: GuardedPorts, controller: string, dataDir: string): Promise<Record<string, string>> {
  const certificate = path.join(dataDir, 'certificate.pem');
  const keyAndCertificate = path.join(dataDir, 'key-and-certificate.pem');
  await Promise.all([fs.writeFile(certificate, loopbackCertificate), fs.writeFile(keyAndCertificate, loopbackKey + loopbackCertificate)]);
  const addresses = `SASL://127.0.0.1:${sasl},MUTUAL://127.0.0.1:${mutual},INSIDE://127.0.0.1:${inside}`;
  return {
    listeners: `${addresses},CONTROLLER://${controller}`,
    'advertised.listeners': addresses,
    'listener.security.protocol.map': 'SASL:SASL_SSL,MUTUAL:SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INSIDE',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyAndCertificate,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificate,
    'listener.name.mutual.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'listener.name.sasl.plain.sasl.jaas.config': `${plain} required user_${kafkaUsers.plain.username}="${kafkaUsers.plain.password}";`,
    'listener.name.sasl.scram-sha-512.sasl.jaas.config': `${scram} required;`,
  };
}

/** The mechanism keeps its users in the log of the controller, where the first ones are put as it is formatted. */
export const firstUsers = (): readonly string[] => {
  const { username, password } = kafkaUsers['scram-sha-512'];
  return ['--add-scram', `SCRAM-SHA-512=[name=${username},password=${password}]`];
};
