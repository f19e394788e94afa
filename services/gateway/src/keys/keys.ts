import { hash, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import { ExpiringMap } from '@tessera/platform/expiring-map.js';
import { newId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { tooManyKeys, unknownKey, wrongKey } from '../errors.js';
import { KeyStore, type KeyRecord, type Scope } from './key.store.js';

/** Who calls, as far as the key tells. */
export type Caller = {
  readonly keyId: string;
  readonly accountId: string;
  readonly scopes: readonly Scope[];
  /** The member whom the key was made for: what it spends counts to that member, and it cannot change the account. */
  readonly memberId?: string;
  /** What the key spends counts to this project. */
  readonly project?: string;
  /** The key pays with API credits. */
  readonly wallet?: 'credits';
  /** The installation's owner, acting for this account. */
  readonly isOperator?: boolean;
};

/** What a new key is for. */
export type KeyPurpose = {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly memberId?: string | undefined;
  readonly project?: string | undefined;
  readonly wallet?: 'credits' | undefined;
};

export type KeyDescription = Omit<KeyRecord, 'keyHash'> & { readonly id: string };

/** A key that another process revoked works here for at most this long. */
const verifiedForMs = 5_000;
/** About 2 MB of hashes; beyond it the oldest is looked up again. */
const verifiedMax = 10_000;
/** Revoked keys count: their entries explain the past. More than anyone can tell apart in a list. */
const keysOfAccountMax = 1_000;
/** `lastUsedMs` is for people who clean up; a write per request would cost more than it tells. */
const lastUsedEveryMs = 60_000;

/** Keys carry 122 random bits (or are the owner's own choice of at least 16 characters), so a plain hash needs neither salt nor stretching. */
export const hashOfKey = (key: string): string => hash('sha256', key, 'hex');

/** Leonardo's keys are UUIDs, and clients check that. */
export const mintKey = (): string => randomUUID();

export const prefixOfKey = (key: string): string => `${key.slice(0, 4)}…`;

@Injectable()
export class Keys {
  readonly #verified: ExpiringMap<string, Caller>;

  constructor(
    private readonly store: KeyStore,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#verified = new ExpiringMap({ clock, ttlMs: verifiedForMs, entriesMax: verifiedMax });
  }

  /** Unauthenticated `wrong_key` for an unknown or revoked key. The look-up is by hash: its duration tells nothing about the key. */
  async verify(key: string): Promise<Caller> {
    const keyHash = hashOfKey(key);
    const known = this.#verified.get(keyHash);
    if (known) return known;
    const nowMs = this.clock.now();
    const found = await this.store.findByHash(keyHash);
    if (!found || found.value.revokedMs !== undefined) throw wrongKey();
    const { accountId, scopes, memberId, project, wallet } = found.value;
    const caller = { keyId: found.id, accountId, scopes, ...given({ memberId, project, wallet }) };
    this.#verified.set(keyHash, caller);
    if (nowMs - (found.value.lastUsedMs ?? 0) >= lastUsedEveryMs) this.#touch(found.id, nowMs);
    return caller;
  }

  /** The key itself is in this answer and nowhere else, ever again. */
  async create(
    accountId: string,
    { name, scopes, memberId, project, wallet }: KeyPurpose,
  ): Promise<KeyDescription & { readonly key: string }> {
    if ((await this.store.listOf(accountId, keysOfAccountMax)).length >= keysOfAccountMax) throw tooManyKeys(keysOfAccountMax);
    const key = mintKey();
    const id = newId();
    const described = {
      prefix: prefixOfKey(key),
      name,
      scopes,
      ...given({ memberId, project, wallet }),
      accountId,
      createdMs: this.clock.now(),
    };
    await this.store.insert(id, { keyHash: hashOfKey(key), ...described });
    return { id, ...described, key };
  }

  async list(accountId: string): Promise<KeyDescription[]> {
    const keys = await this.store.listOf(accountId, keysOfAccountMax);
    return keys.map(({ id, value }) => describe(id, value));
  }

  /** Works at once in this process, within seconds in others. Revoking twice keeps the first time. */
  async revoke(accountId: string, keyId: string): Promise<KeyDescription> {
    const current = await this.store.get(keyId);
    if (current?.value.accountId !== accountId) throw unknownKey();
    const nowMs = this.clock.now();
    const revoked = await this.store.change(keyId, (record) => ({ ...record, revokedMs: record.revokedMs ?? nowMs }));
    this.#verified.delete(current.value.keyHash);
    return describe(keyId, revoked?.value ?? current.value);
  }

  #touch(keyId: string, nowMs: number): void {
    this.store
      .change(keyId, (record) => ({ ...record, lastUsedMs: Math.max(nowMs, record.lastUsedMs ?? 0) }))
      .catch((error: unknown) => this.logger.warn({ keyId, err: error }, 'could not note when a key was last used'));
  }
}

/** Without what was not given. */
const given = ({
  memberId,
  project,
  wallet,
}: Pick<KeyPurpose, 'memberId' | 'project' | 'wallet'>): Pick<KeyRecord, 'memberId' | 'project' | 'wallet'> => ({
  ...(memberId === undefined ? {} : { memberId }),
  ...(project === undefined ? {} : { project }),
  ...(wallet === undefined ? {} : { wallet }),
});

function describe(id: string, { keyHash: _, ...rest }: KeyRecord): KeyDescription {
  return { id, ...rest };
}
