import { Injectable } from '@nestjs/common';
import { AssetKind, StorageService, type CreateUploadResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import type { PictureFormat } from './checks/measured.js';
import type { AwaitedPicture, PictureSource, ReadyPicture } from './dataset.js';
import { DatasetStore } from './dataset.store.js';
import { invalidExtension, pictureMissing, unknownGeneratedPicture } from './errors.js';
import { Intake } from './intake.js';
import { fileNameOf, requireCaption, requireLicence, requireProvenance, type Notes } from './notes.js';
import { PictureBound } from './picture-bound.js';
import { isRefusal, readAsset, Settling } from './settling.js';

export type PictureForm = { readonly pictureId: string; readonly upload: CreateUploadResponse };

/** Where a picture goes, and what is said of it. */
export type NewPicture = {
  readonly accountId: string;
  readonly datasetId: string;
  readonly source: PictureSource;
  readonly fileName: string;
  readonly notes: Notes;
  readonly generatedAssetId?: string;
};

const formExtensions: readonly string[] = ['png', 'jpg', 'jpeg', 'webp'];

const extensions: Readonly<Record<PictureFormat, string>> = { png: 'png', jpeg: 'jpg', webp: 'webp' };

/**
 * Single pictures of a dataset. However one comes, first its place is kept (an awaited picture, which counts), then its bytes are stored, then it is ready: what a crash breaks off is finished,
 * or forgotten, by whoever reads the dataset next.
 */
@Injectable()
export class Pictures {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly store: DatasetStore,
    private readonly intake: Intake,
    private readonly settling: Settling,
    private readonly bound: PictureBound,
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  /** Before anything is read or made: the plan, the dataset, and whether so many more fit. */
  async requireRoom(accountId: string, datasetId: string, brings = 1): Promise<void> {
    const { value } = await this.store.get(accountId, datasetId);
    await this.bound.requireRoom(accountId, value.pictures, brings);
  }

  /** A form to post one picture with. */
  async createForm(picture: Omit<NewPicture, 'source' | 'fileName'>, extension: string): Promise<PictureForm> {
    // Storage takes files of other kinds as well.
    if (!formExtensions.includes(extension)) throw invalidExtension();
    await this.requireRoom(picture.accountId, picture.datasetId);
    const upload = await this.#storage.createUpload({ accountId: picture.accountId, extension });
    const { id: pictureId } = await this.#await({ ...picture, source: 'form', fileName: '' }, upload);
    return { pictureId, upload };
  }

  /** Looks at the bytes before anything is kept. */
  async add(picture: NewPicture, bytes: Uint8Array): Promise<Stored<ReadyPicture>> {
    const { accountId, fileName, notes } = picture;
    const seen = await this.intake.look(bytes, { accountId, caption: notes.caption, fileName });
    const upload = await this.#storage.createUpload({ accountId, extension: extensions[seen.measured.format] });
    const awaited = await this.#await(picture, upload);
    try {
      await this.#storage.putUpload({ accountId, assetId: upload.assetId, data: bytes });
    } catch (error) {
      await this.settling.drop(awaited);
      throw error;
    }
    return this.settling.ready(awaited, seen);
  }

  /** A copy, since jobs and their pictures may be deleted. NotFound `unknown_asset` for what is no generated picture of the account. */
  async addGenerated(picture: Omit<NewPicture, 'source' | 'fileName'>, assetId: string): Promise<Stored<ReadyPicture>> {
    const { accountId } = picture;
    await this.requireRoom(accountId, picture.datasetId);
    try {
      const { asset } = await this.#storage.getAsset({ accountId, assetId });
      if (asset?.kind !== AssetKind.GENERATED || !asset.contentType.startsWith('image/')) throw unknownGeneratedPicture();
    } catch (error) {
      throw error instanceof TesseraError && (isRefusal(error) || error.reason === 'upload_missing') ? unknownGeneratedPicture() : error;
    }
    const bytes = await readAsset(this.#storage, accountId, assetId);
    return this.add({ ...picture, source: 'generation', fileName: '', generatedAssetId: assetId }, bytes);
  }

  /** What is absent stays. */
  async update(
    accountId: string,
    datasetId: string,
    pictureId: string,
    { caption, provenance, licence }: { readonly [N in keyof Notes]?: string | undefined },
  ): Promise<Stored<ReadyPicture>> {
    const changes = {
      ...(caption === undefined ? {} : captionOf(requireCaption(caption))),
      ...(provenance === undefined ? {} : { provenance: requireProvenance(provenance) }),
      ...(licence === undefined ? {} : { licence: requireLicence(licence) }),
    };
    let changed: Stored<ReadyPicture> | undefined;
    await this.store.change(accountId, datasetId, async (dataset) => {
      const stored = await this.store.picture(datasetId, pictureId);
      if (stored.value.state === 'awaited') throw pictureMissing();
      const value = { ...stored.value, ...changes };
      changed = { id: stored.id, revision: stored.revision + 1, value };
      return { dataset: { ...dataset, updatedMs: this.clock.now() }, writes: [this.store.replacePicture(stored, value)] };
    });
    if (!changed) throw new Error('A change that was committed has decided.');
    return changed;
  }

  async remove(accountId: string, datasetId: string, pictureId: string): Promise<void> {
    await this.store.get(accountId, datasetId);
    await this.settling.drop(await this.store.picture(datasetId, pictureId));
  }

  async #await(
    { accountId, datasetId, source, fileName, notes, generatedAssetId }: NewPicture,
    { assetId, expiresMs }: CreateUploadResponse,
  ): Promise<Stored<AwaitedPicture>> {
    const pictureId = newId();
    const now = this.clock.now();
    const picture: AwaitedPicture = {
      datasetId,
      accountId,
      assetId,
      addedMs: now,
      source,
      fileName: fileNameOf(fileName),
      ...captionOf(notes.caption),
      provenance: notes.provenance,
      licence: notes.licence,
      ...(generatedAssetId === undefined ? {} : { generatedAssetId }),
      state: 'awaited',
      expiresMs: Number(expiresMs),
    };
    await this.store.change(accountId, datasetId, async (dataset) => {
      await this.bound.requireRoom(accountId, dataset.pictures, 1);
      return {
        dataset: { ...dataset, updatedMs: now, pictures: dataset.pictures + 1 },
        writes: [this.store.addPicture(pictureId, picture)],
      };
    });
    return { id: pictureId, revision: 1, value: picture };
  }
}

const captionOf = (caption: string) => ({ caption, captionSource: caption === '' ? ('none' as const) : ('given' as const) });
