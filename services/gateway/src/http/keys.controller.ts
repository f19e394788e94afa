import { Controller, Delete, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Keys } from '../keys.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { HttpErrors } from './http-errors.js';
import { bodyOf, callerOf } from './request.js';
import { createKeyBody } from './schemas/tessera.js';
import { keyWire } from './tessera-wire.js';

@Controller('api/rest/v1/keys')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class KeysController {
  constructor(private readonly keys: Keys) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const { name, scopes } = bodyOf(createKeyBody, request);
    const created = await this.keys.create(callerOf(request).accountId, name, scopes ?? ['all']);
    return { ...keyWire(created), key: created.key };
  }

  @Get()
  async list(@Req() request: FastifyRequest) {
    return { keys: (await this.keys.list(callerOf(request).accountId)).map(keyWire) };
  }

  @Delete(':id')
  async revoke(@Req() request: FastifyRequest, @Param('id') id: string) {
    return keyWire(await this.keys.revoke(callerOf(request).accountId, id));
  }
}
