import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Config } from '@tessera/platform/config.js';
import { secretFromFile } from '../start/key-file.js';

const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Seals what must be read again, such as signing secrets: who copies the store has not got them. The key is a setting, or lies in the data folder. */
@Injectable()
export class SecretBox {
  #key: Promise<Buffer> | undefined;

  constructor(@Inject(Config) private readonly config: Config) {}

  /** `place` is where it belongs: sealed text that is moved elsewhere does not open. */
  async seal(secret: string, place: string): Promise<string> {
    const nonce = randomBytes(nonceBytes);
    const sealing = createCipheriv(cipher, await this.#openKey(), nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([sealing.update(secret, 'utf8'), sealing.final()]);
    return Buffer.concat([nonce, sealing.getAuthTag(), sealed]).toString('base64');
  }

  /** Throws when the key is another one, or the text was tampered with. */
  async open(sealed: string, place: string): Promise<string> {
    const bytes = Buffer.from(sealed, 'base64');
    const opening = createDecipheriv(cipher, await this.#openKey(), bytes.subarray(0, nonceBytes)).setAAD(Buffer.from(place));
    opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    return Buffer.concat([opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()]).toString('utf8');
  }

  #openKey(): Promise<Buffer> {
    this.#key ??= this.#readKey().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #readKey(): Promise<Buffer> {
    const { secretsKey, dataDir } = this.config;
    const secret = secretsKey ?? (await secretFromFile(dataDir, 'secrets-key', () => randomBytes(keyBytes).toString('base64url')));
    return Buffer.from(hkdfSync('sha256', secret, '', 'tessera.webhook-secrets', keyBytes));
  }
}
