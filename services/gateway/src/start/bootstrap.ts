import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { Documents, type Collection } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { derivedId, newId } from '@tessera/platform/ids.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { Installation } from './installation.js';
import { secretFromFile } from './key-file.js';
import { KeyStore } from '../keys/key.store.js';
import { hashOfKey, mintKey, prefixOfKey } from '../keys/keys.js';

type InstallationRecord = { readonly ownerAccountId: string };

const recordId = 'owner';
/** The same in every process, so that two first starts at once make one key. */
const ownerKeyId = derivedId('gateway', 'owner-key');
/** Billing may be a process of its own that is still starting. */
const billingPatienceMs = 30_000;
const attemptTimeoutMs = 5_000;

/**
 * The first start: opens the owner's account and gives it a key. Every step is repeatable and the key's document is the last one,
 * so a crash anywhere is mended by the next start, and two starts at once agree.
 */
@Injectable()
export class Bootstrap implements OnApplicationBootstrap {
  readonly #records: Collection<InstallationRecord>;

  constructor(
    private readonly documents: Documents,
    private readonly keys: KeyStore,
    private readonly rpc: Rpc,
    private readonly clock: Clock,
    @Inject(Config) private readonly config: Config,
    private readonly installation: Installation,
  ) {
    this.#records = documents.collection<InstallationRecord>({ name: 'gateway.installation', version: 1, indexes: [] });
  }

  async onApplicationBootstrap(): Promise<void> {
    const accountId = await this.#ownerAccountId();
    this.installation.ownerAccountId = accountId;
    if (await this.keys.get(ownerKeyId)) return;
    await this.#openAccount(accountId);
    const key = this.config.apiKey ?? (await secretFromFile(this.config.dataDir, 'owner-key', mintKey));
    const isFirst = await this.#insertKey(accountId, key);
    if (isFirst && this.config.apiKey === undefined) this.installation.mintedKey = key;
  }

  async #ownerAccountId(): Promise<string> {
    const found = await this.#records.get(recordId);
    if (found) return found.value.ownerAccountId;
    try {
      const ownerAccountId = newId();
      await this.documents.commit([this.#records.insert(recordId, { ownerAccountId })]);
      return ownerAccountId;
    } catch (error) {
      const winner = await this.#records.get(recordId);
      if (!winner) throw error;
      return winner.value.ownerAccountId;
    }
  }

  async #openAccount(accountId: string): Promise<void> {
    const billing = this.rpc.client(BillingService);
    const deadlineMs = Date.now() + billingPatienceMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
      try {
        await billing.openAccount({ accountId, plan: 'owner' }, { deadlineMs: attemptTimeoutMs });
        return;
      } catch (error) {
        const mayHelp = error instanceof TesseraError && error.retryable;
        if (!mayHelp || Date.now() + pauseMs > deadlineMs) throw error;
        await delay(pauseMs);
      }
    }
  }

  async #insertKey(accountId: string, key: string): Promise<boolean> {
    const record = {
      keyHash: hashOfKey(key),
      prefix: prefixOfKey(key),
      name: 'owner',
      scopes: ['all'] as const,
      accountId,
      createdMs: this.clock.now(),
    };
    try {
      await this.keys.insert(ownerKeyId, record);
      return true;
    } catch (error) {
      if (await this.keys.get(ownerKeyId)) return false;
      throw error;
    }
  }
}
