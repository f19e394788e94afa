import { Controller, Get, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import type { DeadLetter } from '@tessera/events/event-bus.js';
import type { FastifyRequest } from 'fastify';
import { DeadLetterBox } from './dead-letters.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { callerOf, queryOf } from '../http/request.js';
import { deadLettersQuery } from '../http/schemas/tessera.js';
import { timeOf } from '../http/tessera-wire.js';

@Controller('api/rest/v1/dead-letters')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class DeadLettersController {
  constructor(private readonly deadLetters: DeadLetterBox) {}

  @Get()
  async list(@Req() request: FastifyRequest) {
    const { group, limit } = queryOf(deadLettersQuery, request);
    return { deadLetters: (await this.deadLetters.list(callerOf(request), group || undefined, limit)).map(letterWire) };
  }

  @Post(':id/redrive')
  @HttpCode(200)
  async redrive(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.deadLetters.redrive(callerOf(request), id);
    return { id };
  }
}

const letterWire = ({ deadLetterId, group, type, key, eventId, attempts, error, failedMs }: DeadLetter) => ({
  id: deadLetterId,
  group,
  type,
  key,
  eventId,
  attempts,
  error,
  failedAt: timeOf(failedMs),
});
