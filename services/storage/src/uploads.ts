import { Injectable } from '@nestjs/common';
import { retryOnConflict, type Stored } from '@tessera/documents/documents.js';
import { ObjectStore, type UploadForm } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { newId } from '@tessera/platform/ids.js';
import { assertId, isAdapterKey, uploadTarget, type Asset, type ReadyAsset } from './asset.js';
import { AssetStore } from './asset.store.js';
import { notAnUpload, tooManyInspections, unknownAsset, uploadMissing, uploadRefused } from './errors.js';
import { adapterBytesMax, inspectAdapter, type AdapterInspection } from './inspect-adapter.js';
import { imageTypeOf, inspectImage, type Inspection } from './inspect-image.js';

export const uploadBytesMax = 25 * 1024 * 1024;

const formLifeMs = 10 * 60_000;

/** A picture of 40 megapixels takes about two seconds of a core and 150 MB; two at a time leave the rest of the process its share. */
const inspectionsMax = 2;

/** Beyond this the wait would be longer than any caller's patience. */
const waitingInspectionsMax = 200;
/** Of one account: it waits for its own pictures, and others do not. */
const waitingInspectionsOfAccountMax = 50;
/** A form's clock and ours may differ by so much. */
const formGraceMs = 60_000;

export type Upload = { readonly assetId: string; readonly key: string; readonly form: UploadForm; readonly expiresMs: number };

/** Pictures and adapters that people bring. They are looked at when they are first used, for nobody tells us when a form was sent. */
@Injectable()
export class Uploads {
  private readonly inspections = new Semaphore(inspectionsMax);
  /** One at a time for each account, so that none holds every place. */
  private readonly inspectionsOf = new Map<string, Semaphore>();

  constructor(
    private readonly assets: AssetStore,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
  ) {}

  async create(accountId: string, extension: string): Promise<Upload> {
    assertId('account_id', accountId);
    const assetId = newId();
    const { key, contentType } = uploadTarget(accountId, assetId, extension);
    const now = this.clock.now();
    const expiresMs = now + formLifeMs;
    const sizeBytesMax = isAdapterKey(key) ? adapterBytesMax : uploadBytesMax;
    const form = await this.objects.signUpload({ key, contentTypePrefix: contentType, sizeBytesMax, expiresMs });
    await this.assets.insert(assetId, {
      accountId,
      kind: 'uploaded',
      state: 'awaiting',
      key,
      index: 0,
      createdMs: now,
      awaitingSinceMs: now,
    });
    return { assetId, key, form, expiresMs };
  }

  /** Stores the bytes and looks at them at once. Idempotent; a refused upload stays refused. */
  async put(stored: Stored<Asset>, data: Uint8Array): Promise<ReadyAsset> {
    const { key, state, kind } = stored.value;
    if (kind !== 'uploaded') throw notAnUpload();
    if (state === 'refused') throw uploadRefused(stored.value.refusal, stored.value.sentence);
    if (data.length > uploadBytesMax) throw uploadRefused('image_too_large');
    const contentType = imageTypeOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    await this.objects.put(key, data, { contentType: contentType ?? 'application/octet-stream' });
    return this.inspect(stored.id);
  }

  /** The asset as it can be used: InvalidArgument `not_an_image` | `image_too_large` | `unreadable_adapter`, FailedPrecondition `upload_missing`. */
  async ready({ id, value }: Stored<Asset>): Promise<ReadyAsset> {
    switch (value.state) {
      case 'ready':
        return (await this.wasReplaced(value)) ? this.inspect(id) : value;
      case 'refused':
        throw uploadRefused(value.refusal, value.sentence);
      case 'awaiting':
        return this.inspect(id);
    }
  }

  /** Looks at the bytes that are there now, and writes down what they are. */
  async inspect(assetId: string): Promise<ReadyAsset> {
    return retryOnConflict(async () => {
      const stored = await this.assets.get(assetId);
      if (!stored) throw unknownAsset();
      if (stored.value.state === 'refused') throw uploadRefused(stored.value.refusal, stored.value.sentence);
      const { accountId, kind, key, index, createdMs } = stored.value;
      const identity = { accountId, kind, key, index, createdMs };
      const { inspection, sizeBytes, sha256 } = await this.oneOfFew(accountId, () => this.inspected(key));
      if ('refusal' in inspection) {
        await this.assets.replace(stored, { ...identity, state: 'refused', ...inspection });
        await this.objects.delete(key);
        throw uploadRefused(inspection.refusal, 'sentence' in inspection ? inspection.sentence : undefined);
      }
      const ready: ReadyAsset = {
        ...identity,
        state: 'ready',
        ...('adapter' in inspection ? { ...inspection, contentType: 'application/octet-stream', widthPx: 0, heightPx: 0 } : inspection),
        sizeBytes,
        sha256,
      };
      await this.assets.replace(stored, ready);
      return ready;
    });
  }

  private async inspected(key: string): Promise<{ inspection: Inspection | AdapterInspection; sizeBytes: number; sha256: string }> {
    const object = await this.objects.get(key).catch((error: unknown) => {
      if (error instanceof TesseraError && error.reason === 'unknown_object') throw uploadMissing();
      throw error;
    });
    const { sizeBytes, sha256 } = object.head;
    if (isAdapterKey(key)) return { inspection: await inspectAdapter(object.body, sizeBytes), sizeBytes, sha256 };
    const chunks: Uint8Array[] = [];
    for await (const chunk of object.body) chunks.push(chunk);
    return { inspection: await inspectImage(Buffer.concat(chunks)), sizeBytes, sha256 };
  }

  /** While its form lives, a second file may have been sent with it. */
  private async wasReplaced({ kind, key, createdMs, sha256, sizeBytes }: ReadyAsset): Promise<boolean> {
    if (kind !== 'uploaded' || this.clock.now() > createdMs + formLifeMs + formGraceMs) return false;
    const head = await this.objects.head(key).catch((error: unknown) => {
      if (error instanceof TesseraError && error.reason === 'unknown_object') return undefined;
      throw error;
    });
    return head !== undefined && (head.sha256 !== sha256 || head.sizeBytes !== sizeBytes);
  }

  private async oneOfFew<T>(accountId: string, run: () => Promise<T>): Promise<T> {
    const own = this.inspectionsOf.get(accountId) ?? new Semaphore(1);
    if (own.waiting >= waitingInspectionsOfAccountMax || this.inspections.waiting >= waitingInspectionsMax) throw tooManyInspections();
    this.inspectionsOf.set(accountId, own);
    await own.acquire();
    await this.inspections.acquire();
    try {
      return await run();
    } finally {
      this.inspections.release();
      own.release();
      if (own.available === 1) this.inspectionsOf.delete(accountId);
    }
  }
}
