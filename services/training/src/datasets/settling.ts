import { Injectable } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { refusedMax, type AwaitedPicture, type Picture, type ReadyPicture, type RefusedPicture } from './dataset.js';
import { DatasetStore } from './dataset.store.js';
import { Intake, type Seen } from './intake.js';
import { Removals } from './removals.js';

/** A form that was sent in its last second needs a while to arrive. */
const graceMs = 60_000;

/** Turns awaited pictures into what they are. Nobody tells us when a form was sent, or finishes what a crash has broken off: whoever reads a dataset looks. */
@Injectable()
export class Settling {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly store: DatasetStore,
    private readonly intake: Intake,
    private readonly removals: Removals,
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  /** Looks at what has come, for so long at most; what is left is looked at the next time. */
  async settle(datasetId: string, budgetMs: number): Promise<void> {
    const endMs = performance.now() + budgetMs;
    for (const stored of await this.store.pictures(datasetId)) {
      if (performance.now() > endMs) return;
      if (isAwaited(stored)) await this.#settleOne(stored);
    }
  }

  /** Writes down what was found out. Another process may have done so, which is as good. */
  async ready(current: Stored<Picture>, { measured, caption, captionSource }: Seen): Promise<Stored<ReadyPicture>> {
    const { accountId, datasetId } = current.value;
    let ready: Stored<ReadyPicture> | undefined;
    await this.store.change(accountId, datasetId, async (dataset) => {
      const stored = await this.store.picture(datasetId, current.id);
      if (stored.value.state === 'ready') {
        ready = { ...stored, value: stored.value };
        return { dataset };
      }
      const { expiresMs: _, ...described } = stored.value;
      const value: ReadyPicture = { ...described, state: 'ready', measured, caption, captionSource };
      ready = { id: stored.id, revision: stored.revision + 1, value };
      return { dataset: { ...dataset, updatedMs: this.clock.now() }, writes: [this.store.replacePicture(stored, value)] };
    });
    if (!ready) throw new Error('A change that was committed has decided.');
    return ready;
  }

  /** Takes a picture out of its dataset, with a word about why where there is one; its file goes, unless a version names it. */
  async drop(current: Stored<Picture>, refused?: RefusedPicture): Promise<void> {
    const { accountId, datasetId, assetId } = current.value;
    await this.store.change(accountId, datasetId, async (dataset) => {
      const stored = await this.store.picture(datasetId, current.id);
      const isNamed = stored.value.state === 'ready' && stored.value.isFrozen === true;
      const dueMs = this.clock.now();
      return {
        dataset: {
          ...dataset,
          updatedMs: dueMs,
          pictures: dataset.pictures - 1,
          refused: refused ? [refused, ...dataset.refused].slice(0, refusedMax) : dataset.refused,
        },
        writes: [this.store.removePicture(stored), ...(isNamed ? [] : [this.store.addRemoval({ accountId, assetIds: [assetId], dueMs })])],
      };
    });
    this.removals.begin();
  }

  async #settleOne(stored: Stored<AwaitedPicture>): Promise<void> {
    const { accountId, assetId, expiresMs, fileName, caption } = stored.value;
    try {
      const bytes = await readAsset(this.#storage, accountId, assetId);
      await this.ready(stored, await this.intake.look(bytes, { accountId, caption, fileName }));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      if (error.reason === 'unknown_dataset_picture' || error.reason === 'unknown_dataset') return;
      const hasNotCome = error.reason === 'upload_missing';
      if (hasNotCome && this.clock.now() <= expiresMs + graceMs) return;
      if (!hasNotCome && !isRefusal(error)) throw error;
      const refused = { pictureId: stored.id, fileName, reason: error.reason, message: error.message };
      await this.drop(stored, hasNotCome ? undefined : refused).catch(unlessGone);
    }
  }
}

const isAwaited = (stored: Stored<Picture>): stored is Stored<AwaitedPicture> => stored.value.state === 'awaited';

/** The file is to blame, not we. */
export const isRefusal = ({ kind }: TesseraError): boolean =>
  kind === 'InvalidArgument' || kind === 'PermissionDenied' || kind === 'NotFound';

function unlessGone(error: unknown): void {
  if (!(error instanceof TesseraError && error.kind === 'NotFound')) throw error;
}

export async function readAsset(storage: RpcClient<typeof StorageService>, accountId: string, assetId: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const { part } of storage.readAsset({ accountId, assetId })) if (part.case === 'data') pieces.push(part.value);
  return Buffer.concat(pieces);
}
