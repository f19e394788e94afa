import type { MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import {
  DatasetService,
  type AddPicturesResponse,
  type CreatePictureUploadResponse,
  type Dataset,
  type GetDatasetResponse,
  type ListDatasetsResponse,
  type Picture,
  type PictureNotesSchema,
  type Version,
  type VersionPicture,
} from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { internal } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownDataset, unknownDatasetPicture, unknownPicture } from '../errors.js';
import type { Caller } from '../keys/keys.js';

export type Notes = MessageInitShape<typeof PictureNotesSchema>;
export type ShownDataset = { readonly dataset: Dataset; readonly answer: GetDatasetResponse };
export type ShownVersion = { readonly version: Version; readonly pictures: readonly VersionPicture[] };

/** Pictures to learn from. Whose they are comes from the key; what is another account's does not exist. */
@Injectable()
export class Datasets {
  readonly #training: RpcClient<typeof DatasetService>;

  constructor(rpc: Rpc) {
    this.#training = rpc.client(DatasetService);
  }

  async create({ accountId }: Caller, asked: { name: string; description: string; trigger: string }): Promise<Dataset> {
    return whole((await this.#training.createDataset({ accountId, ...asked })).dataset);
  }

  list({ accountId }: Caller, pageSize: number, pageToken: string): Promise<ListDatasetsResponse> {
    return this.#training.listDatasets({ accountId, pageSize, pageToken });
  }

  async get(caller: Caller, id: string): Promise<ShownDataset> {
    const answer = await this.#training.getDataset(ownedBy(caller, id));
    return { dataset: whole(answer.dataset), answer };
  }

  async update(
    caller: Caller,
    id: string,
    changes: { name?: string | undefined; description?: string | undefined; trigger?: string | undefined },
  ): Promise<Dataset> {
    return whole((await this.#training.updateDataset({ ...ownedBy(caller, id), ...present(changes) })).dataset);
  }

  async remove(caller: Caller, id: string): Promise<void> {
    await this.#training.deleteDataset(ownedBy(caller, id));
  }

  createForm(caller: Caller, id: string, extension: string, notes: Notes): Promise<CreatePictureUploadResponse> {
    return this.#training.createPictureUpload({ ...ownedBy(caller, id), extension, notes });
  }

  /** A picture or a zip, as it comes: nothing of it is kept here. */
  add(
    caller: Caller,
    id: string,
    file: { fileName: string; notes: Notes; bytes: AsyncIterable<Uint8Array> },
  ): Promise<AddPicturesResponse> {
    const { fileName, notes, bytes } = file;
    const header = { ...ownedBy(caller, id), fileName, notes };
    return this.#training.addPictures(
      (async function* () {
        yield { part: { case: 'header' as const, value: header } };
        for await (const data of bytes) yield { part: { case: 'data' as const, value: data } };
      })(),
    );
  }

  async addGenerated(caller: Caller, id: string, assetId: string, notes: Notes): Promise<Picture> {
    const owned = ownedBy(caller, id);
    if (!isUuid(assetId)) throw unknownPicture();
    return whole((await this.#training.addGeneratedPicture({ ...owned, assetId, notes })).picture);
  }

  async updatePicture(
    caller: Caller,
    id: string,
    pictureId: string,
    changes: { caption?: string | undefined; provenance?: string | undefined; licence?: string | undefined },
  ): Promise<Picture> {
    return whole((await this.#training.updatePicture({ ...pictureOf(caller, id, pictureId), ...present(changes) })).picture);
  }

  async removePicture(caller: Caller, id: string, pictureId: string): Promise<void> {
    await this.#training.deletePicture(pictureOf(caller, id, pictureId));
  }

  async freeze(caller: Caller, id: string, seed: number): Promise<ShownVersion> {
    const { version, pictures } = await this.#training.freezeDataset({ ...ownedBy(caller, id), seed });
    return { version: whole(version), pictures };
  }

  async versions(caller: Caller, id: string): Promise<readonly Version[]> {
    return (await this.#training.listVersions(ownedBy(caller, id))).versions;
  }

  async version(caller: Caller, id: string, digest: string): Promise<ShownVersion> {
    const { version, pictures } = await this.#training.getVersion({ ...ownedBy(caller, id), digest });
    return { version: whole(version), pictures };
  }
}

function ownedBy({ accountId }: Caller, datasetId: string): { accountId: string; datasetId: string } {
  if (!isUuid(datasetId)) throw unknownDataset();
  return { accountId, datasetId };
}

function pictureOf(caller: Caller, datasetId: string, pictureId: string) {
  const owned = ownedBy(caller, datasetId);
  if (!isUuid(pictureId)) throw unknownDatasetPicture();
  return { ...owned, pictureId };
}

function whole<T>(part: T | undefined): T {
  if (part === undefined) throw internal('incomplete_answer', 'Training answered without what was asked for.');
  return part;
}

/** What is undefined was not sent, and stays. */
const present = <T extends object>(changes: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
