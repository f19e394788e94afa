import { X509Certificate } from 'node:crypto';
import fs from 'node:fs/promises';
import tls from 'node:tls';
import { failedPrecondition } from '@tessera/platform/errors.js';
import type { KafkaSettings } from '@tessera/platform/kafka-settings.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { SASLOptions } from 'kafkajs';

/** What the client is made with, beside the brokers' addresses. */
export type KafkaSecurity = { readonly ssl?: tls.ConnectionOptions; readonly sasl?: SASLOptions };

/** Reads the certificates, once: a changed one counts from the next start. Throws FailedPrecondition `kafka_certificate_unusable` with a sentence that says what to do. */
export async function kafkaSecurity({ tls: encryption, sasl }: KafkaSettings, logger: Logger): Promise<KafkaSecurity> {
  if (sasl?.mechanism === 'plain' && encryption === undefined)
    logger.warn(
      'the password of Kafka goes over the network as it is, for anybody to read: set TESSERA_KAFKA_TLS, or a mechanism that does not send it',
    );
  return {
    ...(encryption === undefined
      ? {}
      : { ssl: { ...(await authority(encryption.caFile)), ...(await clientCertificate(encryption.client)) } }),
    // The client's type is one for each mechanism, with the same fields.
    ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
  };
}

async function authority(caFile: string | undefined): Promise<{ ca?: string }> {
  if (caFile === undefined) return {};
  const ca = await read('TESSERA_KAFKA_CA_FILE', caFile);
  // TLS itself would take a file without a certificate for an authority that trusts nobody.
  usable(`TESSERA_KAFKA_CA_FILE (${caFile})`, () => new X509Certificate(ca));
  return { ca };
}

async function clientCertificate(
  client: { readonly certFile: string; readonly keyFile: string } | undefined,
): Promise<{ cert?: string; key?: string }> {
  if (client === undefined) return {};
  const cert = await read('TESSERA_KAFKA_CERT_FILE', client.certFile);
  const key = await read('TESSERA_KAFKA_KEY_FILE', client.keyFile);
  usable(`TESSERA_KAFKA_CERT_FILE (${client.certFile}) with TESSERA_KAFKA_KEY_FILE (${client.keyFile})`, () =>
    tls.createSecureContext({ cert, key }),
  );
  return { cert, key };
}

async function read(variable: string, file: string): Promise<string> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw failedPrecondition(
      'kafka_certificate_unusable',
      `${variable} (${file}) cannot be read (${code}): name a file that this user may read.`,
      { cause: error },
    );
  }
}

function usable(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw failedPrecondition(
      'kafka_certificate_unusable',
      `${what} cannot be used (${(error as Error).message}): name PEM files, a key without a passphrase and the certificate that belongs to it.`,
      { cause: error },
    );
  }
}
