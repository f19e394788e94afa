import { Controller, Delete, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { Character } from '@tessera/contracts/tessera/generation/v1/characters_pb.js';
import type { FastifyRequest } from 'fastify';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { bodyOf, callerOf } from '../http/request.js';
import { timeOf } from '../http/tessera-wire.js';
import { createCharacterBody } from './character-schemas.js';
import { Characters } from './characters.js';

/** Pictures of one thing under a name, which generations take in place of guiding pictures; Leonardo's API has none of this. */
@Controller('api/rest/v1/characters')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class CharactersController {
  constructor(private readonly characters: Characters) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest) {
    const { name, imageIds } = bodyOf(createCharacterBody, request);
    return { character: characterWire(await this.characters.create(callerOf(request), name, imageIds)) };
  }

  @Get()
  async list(@Req() request: FastifyRequest) {
    return { characters: (await this.characters.list(callerOf(request))).map(characterWire) };
  }

  @Get(':id')
  async get(@Req() request: FastifyRequest, @Param('id') id: string) {
    return { character: characterWire(await this.characters.get(callerOf(request), id)) };
  }

  @Delete(':id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.characters.remove(callerOf(request), id);
    return { deletedCharacter: { id } };
  }
}

const characterWire = ({ characterId, name, assetIds, createdMs }: Character) => ({
  id: characterId,
  name,
  imageIds: assetIds,
  createdAt: timeOf(createdMs),
});
