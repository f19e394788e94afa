import { Controller, Delete, Get, HttpCode, Param, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Accounts } from '../accounts/account.js';
import { unknownUser } from '../errors.js';
import { Generations } from './generations.js';
import { Models } from './models.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { dryRunWire, generationWire, submissionWire } from './leonardo-wire.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, preferredWaitMs, queryOf } from '../http/request.js';
import { createGenerationBody, imageRequestOf } from './schemas/leonardo.js';
import { createQuery, listQuery, waitQuery } from '../http/schemas/tessera.js';
import { billWire } from '../http/tessera-wire.js';

@Controller('api/rest/v1/generations')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class GenerationsController {
  constructor(
    private readonly generations: Generations,
    private readonly accounts: Accounts,
    private readonly models: Models,
  ) {}

  /** Leonardo's SDKs take 200 and nothing else for success. */
  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const caller = callerOf(request);
    const { dryRun } = queryOf(createQuery, request);
    const asked = imageRequestOf(bodyOf(createGenerationBody, request));
    if (dryRun === 'true') return dryRunWire(await this.generations.preview(caller, asked), await this.models.leonardoIds());
    const submission = await this.generations.submit(caller, asked, { idempotencyKey: idempotencyKeyOf(request) });
    const waitMs = preferredWaitMs(request);
    if (waitMs === 0) return submissionWire(submission);
    reply.header('preference-applied', `wait=${waitMs / 1000}`);
    const generation = await this.generations.get(caller, submission.job.jobId, { waitMs, signal: clientSignal(reply) });
    return { ...submissionWire(submission), generations_by_pk: generationWire(generation, await this.models.leonardoIds()) };
  }

  @Get('user/:userId')
  async list(@Req() request: FastifyRequest, @Param('userId') userId: string) {
    const caller = callerOf(request);
    if (userId !== caller.accountId) throw unknownUser();
    const page = queryOf(listQuery, request);
    const { generations, nextPageToken } =
      page.limit === 0 ? { generations: [], nextPageToken: '' } : await this.generations.list(caller, page);
    const leonardoIds = await this.models.leonardoIds();
    return {
      generations: generations.map((generation) => generationWire(generation, leonardoIds)),
      ...(nextPageToken === '' ? {} : { tessera: { nextPageToken } }),
    };
  }

  @Get(':id')
  async get(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') id: string) {
    const { wait: waitMs } = queryOf(waitQuery, request);
    const generation = await this.generations.get(callerOf(request), id, waitMs === 0 ? {} : { waitMs, signal: clientSignal(reply) });
    return { generations_by_pk: generationWire(generation, await this.models.leonardoIds()) };
  }

  @Delete(':id')
  async remove(@Req() request: FastifyRequest, @Param('id') id: string) {
    await this.generations.remove(callerOf(request), id);
    return { delete_generations_by_pk: { id } };
  }

  @Post(':id/cancel')
  @HttpCode(200)
  async cancel(@Req() request: FastifyRequest, @Param('id') id: string) {
    const generation = await this.generations.cancel(callerOf(request), id);
    return { generations_by_pk: generationWire(generation, await this.models.leonardoIds()) };
  }

  @Get(':id/bill')
  async bill(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') id: string) {
    const { wait: waitMs } = queryOf(waitQuery, request);
    const { bill, balanceTokens } = await this.accounts.bill(callerOf(request), id, {
      waitMs,
      ...(waitMs === 0 ? {} : { signal: clientSignal(reply) }),
    });
    return billWire(bill, balanceTokens);
  }
}
