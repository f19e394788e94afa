import { Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Param, Post, Put, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Economy } from '../economy.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { plansWire, positionWire, reconcileWire, statementWire, usageWire } from './economy-wire.js';
import { HttpErrors } from './http-errors.js';
import { following, sendJsonLines } from './json-lines.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, queryOf } from './request.js';
import { balanceQuery, changePlanBody, limitsBody, memberBody, openAccountBody, paymentBody, periodQuery, reversalBody, usageQuery } from './schemas/tessera.js';
import { accountWire } from './tessera-wire.js';

/** Plans, limits, members and books. */
@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class EconomyController {
  constructor(private readonly economy: Economy) {}

  @Get('plans')
  async plans() {
    return plansWire(await this.economy.plans());
  }

  @Post('accounts')
  @HttpCode(200)
  async open(@Req() request: FastifyRequest) {
    const { plan, seats } = bodyOf(openAccountBody, request);
    return accountWire(await this.economy.open(callerOf(request), plan, seats, idempotencyKeyOf(request)));
  }

  @Post('account/plan')
  @HttpCode(200)
  async changePlan(@Req() request: FastifyRequest) {
    const { plan, seats } = bodyOf(changePlanBody, request);
    return accountWire(await this.economy.changePlan(callerOf(request), plan, seats, idempotencyKeyOf(request)));
  }

  @Delete('account/plan')
  async cancelPlan(@Req() request: FastifyRequest) {
    return accountWire(await this.economy.cancelPlan(callerOf(request), idempotencyKeyOf(request)));
  }

  @Put('account/limits')
  async setLimits(@Req() request: FastifyRequest) {
    return accountWire(await this.economy.setLimits(callerOf(request), bodyOf(limitsBody, request), idempotencyKeyOf(request)));
  }

  @Put('account/members/:memberId')
  async putMember(@Req() request: FastifyRequest, @Param('memberId') memberId: string) {
    const { capTokens } = bodyOf(memberBody, request);
    return accountWire(await this.economy.putMember(callerOf(request), memberId, capTokens, idempotencyKeyOf(request)));
  }

  @Delete('account/members/:memberId')
  async removeMember(@Req() request: FastifyRequest, @Param('memberId') memberId: string) {
    return accountWire(await this.economy.removeMember(callerOf(request), memberId, idempotencyKeyOf(request)));
  }

  @Post('account/reversals')
  @HttpCode(200)
  async reverse(@Req() request: FastifyRequest) {
    return accountWire(await this.economy.reverse(callerOf(request), bodyOf(reversalBody, request).operationId));
  }

  @Get('account/balance')
  async balance(@Req() request: FastifyRequest) {
    return positionWire(await this.economy.positionAt(callerOf(request), queryOf(balanceQuery, request).at));
  }

  @Get('account/usage')
  async usage(@Req() request: FastifyRequest) {
    const { by, ...period } = queryOf(usageQuery, request);
    return { by, ...usageWire(await this.economy.usage(callerOf(request), period, by)) };
  }

  @Get('account/statement')
  async statement(@Req() request: FastifyRequest) {
    return statementWire(await this.economy.statement(callerOf(request), queryOf(periodQuery, request)));
  }

  @Get('account/entries.csv')
  async csv(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const pieces = this.economy.csv(callerOf(request), queryOf(periodQuery, request), clientSignal(reply));
    // A refusal can only be told before the stream begins.
    const first = await pieces.next();
    await reply.header('content-type', 'text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="entries.csv"').send(Readable.from(following(first, pieces)));
  }

  @Post('account/payments')
  @HttpCode(200)
  async recordPayment(@Req() request: FastifyRequest) {
    const { paymentId, pack } = bodyOf(paymentBody, request);
    const { outcome, account } = await this.economy.recordPayment(callerOf(request), paymentId, pack);
    return { outcome, account: accountWire(account) };
  }

  @Delete('account/payments/:paymentId')
  async recordRefund(@Req() request: FastifyRequest, @Param('paymentId') paymentId: string) {
    return this.economy.recordRefund(callerOf(request), paymentId);
  }

  /** One JSON object a line: findings as they are found, then the summary. */
  @Get('reconciliation')
  async reconcile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await sendJsonLines(reply, this.economy.reconcile(callerOf(request), clientSignal(reply)), reconcileWire);
  }
}
