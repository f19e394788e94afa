import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { DatasetService as PublicDatasetService } from '@tessera/contracts/tessera/gateway/v1/datasets_pb.js';
import {
  DatasetService,
  type AddGeneratedPictureRequest,
  type AddPicturesRequest,
  type CreateDatasetRequest,
  type CreatePictureUploadRequest,
  type DeleteDatasetRequest,
  type DeletePictureRequest,
  type FreezeDatasetRequest,
  type GetDatasetRequest,
  type GetVersionRequest,
  type ListDatasetsRequest,
  type ListVersionsRequest,
  type UpdateDatasetRequest,
  type UpdatePictureRequest,
} from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { GrpcClientStream } from '@tessera/rpc/client-stream.js';
import { opened } from '@tessera/rpc/headed-stream.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Callers, requireAllowance } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';
import { Datasets } from './datasets.js';

/** Training's own messages, for the account of the key. */
@Controller()
export class DatasetsGrpcController {
  readonly #training: RpcClient<typeof DatasetService>;

  constructor(
    private readonly datasets: Datasets,
    private readonly callers: Callers,
    rpc: Rpc,
  ) {
    this.#training = rpc.client(DatasetService);
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async createDataset(request: CreateDatasetRequest, metadata: Metadata) {
    return this.#training.createDataset(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async getDataset(request: GetDatasetRequest, metadata: Metadata) {
    return this.#training.getDataset(await this.#owned(request, metadata));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async listDatasets(request: ListDatasetsRequest, metadata: Metadata) {
    return this.#training.listDatasets(await this.#owned(request, metadata));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async updateDataset(request: UpdateDatasetRequest, metadata: Metadata) {
    return this.#training.updateDataset(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async deleteDataset(request: DeleteDatasetRequest, metadata: Metadata) {
    return this.#training.deleteDataset(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async createPictureUpload(request: CreatePictureUploadRequest, metadata: Metadata) {
    return this.#training.createPictureUpload(await this.#owned(request, metadata, 'write'));
  }

  @GrpcClientStream(PublicDatasetService.typeName)
  async addPictures(messages: AsyncIterable<AddPicturesRequest>, metadata: Metadata) {
    const { header, bytes } = await opened(messages);
    const caller = await this.#admit(metadata, header.accountId, 'write');
    return this.datasets.add(caller, header.datasetId, { fileName: header.fileName, notes: header.notes ?? {}, bytes });
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async addGeneratedPicture(request: AddGeneratedPictureRequest, metadata: Metadata) {
    return this.#training.addGeneratedPicture(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async updatePicture(request: UpdatePictureRequest, metadata: Metadata) {
    return this.#training.updatePicture(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async deletePicture(request: DeletePictureRequest, metadata: Metadata) {
    return this.#training.deletePicture(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async freezeDataset(request: FreezeDatasetRequest, metadata: Metadata) {
    return this.#training.freezeDataset(await this.#owned(request, metadata, 'write'));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async listVersions(request: ListVersionsRequest, metadata: Metadata) {
    return this.#training.listVersions(await this.#owned(request, metadata));
  }

  @GrpcMethod(PublicDatasetService.typeName)
  async getVersion(request: GetVersionRequest, metadata: Metadata) {
    return this.#training.getVersion(await this.#owned(request, metadata));
  }

  async #owned<R extends { accountId: string }>(request: R, metadata: Metadata, access: 'read' | 'write' = 'read'): Promise<R> {
    const { accountId } = await this.#admit(metadata, request.accountId, access);
    return { ...request, accountId };
  }

  async #admit(metadata: Metadata, accountId: string, access: 'read' | 'write'): Promise<Caller> {
    const caller = this.callers.actingFor(await this.callers.authenticate(metadata.get('authorization')[0]?.toString()), accountId);
    if (access === 'write') this.callers.requireWrite(caller);
    requireAllowance(await this.callers.admit(caller));
    return caller;
  }
}
