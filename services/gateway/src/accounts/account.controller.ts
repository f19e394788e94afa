import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Accounts } from './account.js';
import { Callers } from '../keys/callers.js';
import { Generations } from '../generations/generations.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { sendJsonLines } from '../http/json-lines.js';
import { userWire } from '../generations/leonardo-wire.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, queryOf } from '../http/request.js';
import { entriesQuery, topUpBody } from '../http/schemas/tessera.js';
import { accountWire, auditWire, entryWire, queueWire } from '../http/tessera-wire.js';

@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class AccountController {
  constructor(
    private readonly accounts: Accounts,
    private readonly generations: Generations,
    private readonly callers: Callers,
  ) {}

  @Get('me')
  async me(@Req() request: FastifyRequest) {
    return { user_details: [userWire(await this.accounts.get(callerOf(request)))] };
  }

  @Get('account')
  async account(@Req() request: FastifyRequest) {
    return accountWire(await this.accounts.get(callerOf(request)));
  }

  @Post('account/topup')
  @HttpCode(200)
  async topUp(@Req() request: FastifyRequest) {
    const caller = callerOf(request);
    this.callers.requireOwner(caller);
    const { tokens, wallet } = bodyOf(topUpBody, request);
    return accountWire(await this.accounts.topUp(caller, tokens, wallet, idempotencyKeyOf(request)));
  }

  @Get('account/entries')
  async entries(@Req() request: FastifyRequest) {
    const { pageSize, pageToken, wallet } = queryOf(entriesQuery, request);
    const { entries, nextPageToken } = await this.accounts.entries(callerOf(request), pageSize, pageToken, wallet);
    return { entries: entries.map(entryWire), ...(nextPageToken ? { nextPageToken } : {}) };
  }

  @Get('queue')
  async queue(@Req() request: FastifyRequest) {
    return queueWire(await this.generations.describeQueue(callerOf(request)));
  }

  /** One JSON object a line: findings as they are found, then the summary. */
  @Get('audit')
  async audit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.callers.requireOwner(callerOf(request));
    await sendJsonLines(reply, this.accounts.audit(clientSignal(reply)), auditWire);
  }
}
