import { Controller, Delete, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { Asset } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { FastifyRequest } from 'fastify';
import { uploadWire } from '../generations/leonardo-wire.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { callerOf } from '../http/request.js';
import { timeOf } from '../http/tessera-wire.js';
import { Uploads } from './uploads.js';

/** LoRA files that people bring; Leonardo's API has none of this. */
@Controller('api/rest/v1/adapters')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class AdaptersController {
  constructor(private readonly uploads: Uploads) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    return { uploadAdapter: uploadWire(await this.uploads.create(callerOf(request), 'safetensors')) };
  }

  /** Looks at the file when that has not been done, and says what is wrong with one that cannot be used. */
  @Get(':id')
  async get(@Req() request: FastifyRequest, @Param('id') id: string) {
    return { adapter: adapterWire(await this.uploads.adapter(callerOf(request), id)) };
  }

  @Delete(':id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.uploads.removeAdapter(callerOf(request), id);
    return { deletedAdapter: { id } };
  }
}

const adapterWire = ({ assetId, createdMs, sizeBytes, sha256, adapter }: Asset) => ({
  id: assetId,
  createdAt: timeOf(createdMs),
  format: adapter?.format ?? '',
  family: adapter?.family ?? '',
  sizeBytes: Number(sizeBytes),
  sha256,
});
