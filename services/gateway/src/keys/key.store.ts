import { Injectable } from '@nestjs/common';
import { Documents, retryOnConflict, type Collection, type Stored } from '@tessera/documents/documents.js';

export const scopes = ['all', 'read'] as const;
export type Scope = (typeof scopes)[number];

/** A key as it is stored: its hash, never itself. */
export type KeyRecord = {
  readonly keyHash: string;
  /** The first characters, so that a person recognises the key in a list. */
  readonly prefix: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly accountId: string;
  readonly memberId?: string;
  readonly project?: string;
  /** What its jobs are paid with; absent: as the account's plan says. */
  readonly wallet?: 'credits';
  readonly createdMs: number;
  readonly revokedMs?: number;
  /** Kept to the minute at best. */
  readonly lastUsedMs?: number;
};

/** The only file that knows how keys are stored. */
@Injectable()
export class KeyStore {
  readonly #keys: Collection<KeyRecord>;

  constructor(private readonly documents: Documents) {
    this.#keys = documents.collection<KeyRecord>({
      name: 'gateway.keys',
      version: 1,
      indexes: [
        { name: 'by_hash', fields: ['keyHash'], isUnique: true },
        { name: 'by_account', fields: ['accountId', 'createdMs'] },
      ],
    });
  }

  get(keyId: string): Promise<Stored<KeyRecord> | undefined> {
    return this.#keys.get(keyId);
  }

  async findByHash(keyHash: string): Promise<Stored<KeyRecord> | undefined> {
    const { items } = await this.#keys.find({ where: { keyHash }, limit: 1 });
    return items[0];
  }

  /** Oldest first. */
  async listOf(accountId: string, limit: number): Promise<readonly Stored<KeyRecord>[]> {
    const { items } = await this.#keys.find({ where: { accountId }, sort: [['createdMs', 'asc']], limit });
    return items;
  }

  /** Conflict `already_exists` when the id or the same secret is there already. */
  async insert(keyId: string, record: KeyRecord): Promise<void> {
    await this.documents.commit([this.#keys.insert(keyId, record)]);
  }

  async change(keyId: string, change: (record: KeyRecord) => KeyRecord): Promise<Stored<KeyRecord> | undefined> {
    return retryOnConflict(async () => {
      const current = await this.#keys.get(keyId);
      if (!current) return undefined;
      const value = change(current.value);
      await this.documents.commit([this.#keys.replace(current, value)]);
      return { id: keyId, revision: current.revision + 1, value };
    });
  }
}
