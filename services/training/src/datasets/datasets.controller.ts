import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  DatasetService,
  type AddGeneratedPictureRequest,
  type AddGeneratedPictureResponseSchema,
  type AddPicturesRequest,
  type AddPicturesResponseSchema,
  type CreateDatasetRequest,
  type CreateDatasetResponseSchema,
  type CreatePictureUploadRequest,
  type CreatePictureUploadResponseSchema,
  type DeleteDatasetRequest,
  type DeletePictureRequest,
  type FreezeDatasetRequest,
  type FreezeDatasetResponseSchema,
  type GetDatasetRequest,
  type GetDatasetResponseSchema,
  type GetVersionRequest,
  type GetVersionResponseSchema,
  type ListDatasetsRequest,
  type ListDatasetsResponseSchema,
  type ListVersionsRequest,
  type ListVersionsResponseSchema,
  type UpdateDatasetRequest,
  type UpdateDatasetResponseSchema,
  type UpdatePictureRequest,
  type UpdatePictureResponseSchema,
} from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { GrpcClientStream } from '@tessera/rpc/client-stream.js';
import { opened } from '@tessera/rpc/headed-stream.js';
import type { ReadyPicture } from './dataset.js';
import { datasetMessage, pictureMessage, versionAnswer, versionMessage } from './dataset-messages.js';
import { Datasets } from './datasets.js';
import { FileIntake } from './file-intake.js';
import { noNotes, requireNotes } from './notes.js';
import { Pictures } from './pictures.js';
import { Versions } from './versions.js';

@Controller()
export class DatasetsController {
  constructor(
    private readonly datasets: Datasets,
    private readonly pictures: Pictures,
    private readonly files: FileIntake,
    private readonly versions: Versions,
  ) {}

  @GrpcMethod(DatasetService.typeName)
  async createDataset({ accountId, ...asked }: CreateDatasetRequest): Promise<MessageInitShape<typeof CreateDatasetResponseSchema>> {
    return { dataset: datasetMessage(await this.datasets.create(accountId, asked)) };
  }

  @GrpcMethod(DatasetService.typeName)
  async getDataset({ accountId, datasetId }: GetDatasetRequest): Promise<MessageInitShape<typeof GetDatasetResponseSchema>> {
    const { dataset, pictures, warnings, awaited } = await this.datasets.show(accountId, datasetId);
    return {
      dataset: datasetMessage(dataset),
      pictures: pictures.map(pictureMessage),
      warnings: warnings.map((warning) => ({ ...warning, pictureIds: [...warning.pictureIds] })),
      refused: [...dataset.refused],
      awaited,
    };
  }

  @GrpcMethod(DatasetService.typeName)
  async listDatasets({
    accountId,
    pageSize,
    pageToken,
  }: ListDatasetsRequest): Promise<MessageInitShape<typeof ListDatasetsResponseSchema>> {
    const { datasets, nextPageToken } = await this.datasets.list(accountId, pageSize, pageToken);
    return { datasets: datasets.map(datasetMessage), nextPageToken };
  }

  @GrpcMethod(DatasetService.typeName)
  async updateDataset({
    accountId,
    datasetId,
    ...changes
  }: UpdateDatasetRequest): Promise<MessageInitShape<typeof UpdateDatasetResponseSchema>> {
    return { dataset: datasetMessage(await this.datasets.update(accountId, datasetId, changes)) };
  }

  @GrpcMethod(DatasetService.typeName)
  async deleteDataset({ accountId, datasetId }: DeleteDatasetRequest): Promise<object> {
    await this.datasets.remove(accountId, datasetId);
    return {};
  }

  @GrpcMethod(DatasetService.typeName)
  async createPictureUpload({
    accountId,
    datasetId,
    extension,
    notes,
  }: CreatePictureUploadRequest): Promise<MessageInitShape<typeof CreatePictureUploadResponseSchema>> {
    const { pictureId, upload } = await this.pictures.createForm({ accountId, datasetId, notes: requireNotes(notes) }, extension);
    const { key, url, fields, expiresMs } = upload;
    return { pictureId, key, url, fields, expiresMs };
  }

  @GrpcClientStream(DatasetService.typeName)
  async addPictures(messages: AsyncIterable<AddPicturesRequest>): Promise<MessageInitShape<typeof AddPicturesResponseSchema>> {
    const { header, bytes } = await opened(messages);
    const { pictures, refused } = await this.files.add({ ...header, notes: header.notes ?? noNotes }, bytes);
    return { pictures: pictures.map(storedMessage), refused: [...refused] };
  }

  @GrpcMethod(DatasetService.typeName)
  async addGeneratedPicture({
    accountId,
    datasetId,
    assetId,
    notes,
  }: AddGeneratedPictureRequest): Promise<MessageInitShape<typeof AddGeneratedPictureResponseSchema>> {
    return { picture: storedMessage(await this.pictures.addGenerated({ accountId, datasetId, notes: requireNotes(notes) }, assetId)) };
  }

  @GrpcMethod(DatasetService.typeName)
  async updatePicture({
    accountId,
    datasetId,
    pictureId,
    ...changes
  }: UpdatePictureRequest): Promise<MessageInitShape<typeof UpdatePictureResponseSchema>> {
    return { picture: storedMessage(await this.pictures.update(accountId, datasetId, pictureId, changes)) };
  }

  @GrpcMethod(DatasetService.typeName)
  async deletePicture({ accountId, datasetId, pictureId }: DeletePictureRequest): Promise<object> {
    await this.pictures.remove(accountId, datasetId, pictureId);
    return {};
  }

  @GrpcMethod(DatasetService.typeName)
  async freezeDataset({ accountId, datasetId, seed }: FreezeDatasetRequest): Promise<MessageInitShape<typeof FreezeDatasetResponseSchema>> {
    return versionAnswer(await this.versions.freeze(accountId, datasetId, seed));
  }

  @GrpcMethod(DatasetService.typeName)
  async listVersions({ accountId, datasetId }: ListVersionsRequest): Promise<MessageInitShape<typeof ListVersionsResponseSchema>> {
    return { versions: (await this.versions.list(accountId, datasetId)).map(versionMessage) };
  }

  @GrpcMethod(DatasetService.typeName)
  async getVersion({ accountId, datasetId, digest }: GetVersionRequest): Promise<MessageInitShape<typeof GetVersionResponseSchema>> {
    return versionAnswer(await this.versions.get(accountId, datasetId, digest));
  }
}

const storedMessage = ({ id, value }: Stored<ReadyPicture>) => pictureMessage({ pictureId: id, ...value });
