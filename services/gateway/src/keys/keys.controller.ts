import { Controller, Delete, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Callers } from './callers.js';
import { Keys } from './keys.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf } from '../http/request.js';
import { createKeyBody } from '../http/schemas/tessera.js';
import { keyWire } from '../http/tessera-wire.js';

@Controller('api/rest/v1/keys')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class KeysController {
  constructor(
    private readonly keys: Keys,
    private readonly callers: Callers,
  ) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const caller = callerOf(request);
    this.callers.requireAdmin(caller);
    const { scopes = ['all'], ...purpose } = bodyOf(createKeyBody, request);
    if (purpose.memberId !== undefined) await this.callers.requireMember(caller.accountId, purpose.memberId);
    const created = await this.keys.create(caller.accountId, { scopes, ...purpose });
    return { ...keyWire(created), key: created.key };
  }

  @Get()
  async list(@Req() request: FastifyRequest) {
    return { keys: (await this.keys.list(callerOf(request).accountId)).map(keyWire) };
  }

  @Delete(':id')
  async revoke(@Req() request: FastifyRequest, @Param('id') id: string) {
    const caller = callerOf(request);
    this.callers.requireAdmin(caller);
    return keyWire(await this.keys.revoke(caller.accountId, id));
  }
}
