import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  AssetKind,
  StorageService,
  type AssetSchema,
  type CreateUploadRequest,
  type CreateUploadResponseSchema,
  type DeleteAssetRequest,
  type DeleteAssetResponseSchema,
  type GetAssetRequest,
  type GetAssetResponseSchema,
  type MarkAssetRequest,
  type MarkAssetResponseSchema,
  type PutAssetsRequest,
  type PutAssetsResponseSchema,
  type PutCheckpointRequest,
  type PutCheckpointResponseSchema,
  type PutOutputRequest,
  type PutOutputResponseSchema,
  type PutUploadRequest,
  type PutUploadResponseSchema,
  type ReadAssetRequest,
  type ReadAssetResponseSchema,
  type ReadCheckpointRequest,
  type ReadCheckpointResponseSchema,
  type SignUrlsRequest,
  type SignUrlsResponseSchema,
} from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { GrpcClientStream } from '@tessera/rpc/client-stream.js';
import { opened } from '@tessera/rpc/headed-stream.js';
import { streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import type { ReadyAsset } from './asset.js';
import { Assets } from './assets.js';
import { Checkpoints } from './checkpoints.js';
import { piecesOf } from './byte-streams.js';
import { Outputs } from './outputs.js';
import { Uploads } from './uploads.js';

@Controller()
export class StorageController {
  constructor(
    private readonly assets: Assets,
    private readonly outputs: Outputs,
    private readonly checkpoints: Checkpoints,
    private readonly uploads: Uploads,
  ) {}

  @GrpcMethod(StorageService.typeName)
  async putAssets({ accountId, jobId, assets }: PutAssetsRequest): Promise<MessageInitShape<typeof PutAssetsResponseSchema>> {
    const stored = await this.outputs.putAll({ accountId, jobId }, assets);
    return { assets: stored.map(({ assetId, asset }) => assetMessage(assetId, asset)) };
  }

  @GrpcClientStream(StorageService.typeName)
  async putOutput(messages: AsyncIterable<PutOutputRequest>): Promise<MessageInitShape<typeof PutOutputResponseSchema>> {
    const { header, bytes } = await opened(messages);
    const { assetId, asset } = await this.outputs.put(header, header, header.sha256, bytes);
    const { index, contentType, sizeBytes, sha256, widthPx, heightPx } = asset;
    return { output: { assetId, index, contentType, sizeBytes: BigInt(sizeBytes), sha256, widthPx, heightPx } };
  }

  @GrpcClientStream(StorageService.typeName)
  async putCheckpoint(messages: AsyncIterable<PutCheckpointRequest>): Promise<MessageInitShape<typeof PutCheckpointResponseSchema>> {
    const { header, bytes } = await opened(messages);
    return { checkpoint: { ...(await this.checkpoints.put(header, header.step, header.sha256, bytes)), units: header.units } };
  }

  @GrpcMethod(StorageService.typeName)
  readCheckpoint(
    request: ReadCheckpointRequest,
    _metadata: Metadata,
    call: RpcCall,
  ): Observable<MessageInitShape<typeof ReadCheckpointResponseSchema>> {
    return streamOf(() => this.checkpointMessages(request), call);
  }

  private async *checkpointMessages({
    accountId,
    jobId,
    step,
    digest,
  }: ReadCheckpointRequest): AsyncGenerator<MessageInitShape<typeof ReadCheckpointResponseSchema>> {
    for await (const chunk of this.checkpoints.read({ accountId, jobId }, step, digest)) {
      for (const data of piecesOf(chunk)) yield { data };
    }
  }

  @GrpcMethod(StorageService.typeName)
  async getAsset({ accountId, assetId }: GetAssetRequest): Promise<MessageInitShape<typeof GetAssetResponseSchema>> {
    return { asset: assetMessage(assetId, await this.assets.get(accountId, assetId)) };
  }

  @GrpcMethod(StorageService.typeName)
  readAsset(request: ReadAssetRequest, _metadata: Metadata, call: RpcCall): Observable<MessageInitShape<typeof ReadAssetResponseSchema>> {
    return streamOf(() => this.readMessages(request), call);
  }

  private async *readMessages({ accountId, assetId }: ReadAssetRequest): AsyncGenerator<MessageInitShape<typeof ReadAssetResponseSchema>> {
    for await (const part of this.assets.read(accountId, assetId)) {
      yield { part: 'asset' in part ? { case: 'asset', value: assetMessage(assetId, part.asset) } : { case: 'data', value: part.data } };
    }
  }

  @GrpcMethod(StorageService.typeName)
  async signUrls({ accountId, assetIds, expiresS }: SignUrlsRequest): Promise<MessageInitShape<typeof SignUrlsResponseSchema>> {
    return { urls: await this.assets.sign(accountId, assetIds, expiresS * 1000) };
  }

  @GrpcMethod(StorageService.typeName)
  async createUpload({ accountId, extension }: CreateUploadRequest): Promise<MessageInitShape<typeof CreateUploadResponseSchema>> {
    const { assetId, key, form, expiresMs } = await this.uploads.create(accountId, extension);
    return { assetId, key, url: form.url, fields: { ...form.fields }, expiresMs: BigInt(expiresMs) };
  }

  @GrpcMethod(StorageService.typeName)
  async putUpload({ accountId, assetId, data }: PutUploadRequest): Promise<MessageInitShape<typeof PutUploadResponseSchema>> {
    return { asset: assetMessage(assetId, await this.assets.putUpload(accountId, assetId, data)) };
  }

  @GrpcMethod(StorageService.typeName)
  async markAsset({ accountId, assetId, isAccepted }: MarkAssetRequest): Promise<MessageInitShape<typeof MarkAssetResponseSchema>> {
    return { asset: assetMessage(assetId, await this.assets.mark(accountId, assetId, isAccepted)) };
  }

  @GrpcMethod(StorageService.typeName)
  async deleteAsset({ accountId, assetId }: DeleteAssetRequest): Promise<MessageInitShape<typeof DeleteAssetResponseSchema>> {
    await this.assets.delete(accountId, assetId);
    return {};
  }
}

function assetMessage(
  assetId: string,
  {
    accountId,
    kind,
    jobId = '',
    index,
    contentType,
    widthPx,
    heightPx,
    sizeBytes,
    sha256,
    createdMs,
    isAccepted = false,
    adapter,
  }: ReadyAsset,
): MessageInitShape<typeof AssetSchema> {
  return {
    assetId,
    accountId,
    kind: kind === 'generated' ? AssetKind.GENERATED : adapter ? AssetKind.ADAPTER : AssetKind.UPLOADED,
    jobId,
    index,
    contentType,
    widthPx,
    heightPx,
    sizeBytes: BigInt(sizeBytes),
    sha256,
    createdMs: BigInt(createdMs),
    isAccepted,
    ...(adapter ? { adapter } : {}),
  };
}
