import { Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Param, Post, Put, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Billing } from './billing.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { computeMessage, plansWire, positionWire, reconcileWire, statementWire, usageWire } from './billing-wire.js';
import { HttpErrors } from '../http/http-errors.js';
import { following, sendJsonLines } from '../http/json-lines.js';
import { bodyOf, callerOf, clientSignal, idempotencyKeyOf, queryOf } from '../http/request.js';
import {
  balanceQuery,
  changePlanBody,
  limitsBody,
  memberBody,
  openAccountBody,
  pauseBody,
  paymentBody,
  periodQuery,
  quoteBody,
  reversalBody,
  usageQuery,
} from '../http/schemas/tessera.js';
import { accountWire, quoteWire } from '../http/tessera-wire.js';

const contentTypes = { csv: 'text/csv; charset=utf-8', parquet: 'application/vnd.apache.parquet' } as const;

/** Plans, limits, members and books. */
@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class BillingController {
  constructor(private readonly billing: Billing) {}

  @Get('plans')
  async plans() {
    return plansWire(await this.billing.plans());
  }

  @Post('accounts')
  @HttpCode(200)
  async open(@Req() request: FastifyRequest) {
    const { plan, seats, utcOffsetMinutes } = bodyOf(openAccountBody, request);
    return accountWire(await this.billing.open(callerOf(request), plan, seats, utcOffsetMinutes, idempotencyKeyOf(request)));
  }

  @Post('account/plan')
  @HttpCode(200)
  async changePlan(@Req() request: FastifyRequest) {
    const { plan, seats } = bodyOf(changePlanBody, request);
    return accountWire(await this.billing.changePlan(callerOf(request), plan, seats, idempotencyKeyOf(request)));
  }

  @Delete('account/plan')
  async cancelPlan(@Req() request: FastifyRequest) {
    return accountWire(await this.billing.cancelPlan(callerOf(request), idempotencyKeyOf(request)));
  }

  @Post('account/plan/pause')
  @HttpCode(200)
  async pausePlan(@Req() request: FastifyRequest) {
    return accountWire(await this.billing.pausePlan(callerOf(request), bodyOf(pauseBody, request).resumesAt, idempotencyKeyOf(request)));
  }

  @Post('account/plan/resume')
  @HttpCode(200)
  async resumePlan(@Req() request: FastifyRequest) {
    return accountWire(await this.billing.resumePlan(callerOf(request), idempotencyKeyOf(request)));
  }

  /** Changes nothing: what work of any kind would cost. */
  @Post('quote')
  @HttpCode(200)
  async quote(@Req() request: FastifyRequest) {
    const { wallet, ...asked } = bodyOf(quoteBody, request);
    return { quote: quoteWire(await this.billing.quote(callerOf(request), computeMessage(asked), wallet)) };
  }

  @Put('account/limits')
  async setLimits(@Req() request: FastifyRequest) {
    const { wallet, ...limits } = bodyOf(limitsBody, request);
    return accountWire(await this.billing.setLimits(callerOf(request), limits, wallet, idempotencyKeyOf(request)));
  }

  @Put('account/members/:memberId')
  async putMember(@Req() request: FastifyRequest, @Param('memberId') memberId: string) {
    const { capTokens } = bodyOf(memberBody, request);
    return accountWire(await this.billing.putMember(callerOf(request), memberId, capTokens, idempotencyKeyOf(request)));
  }

  @Delete('account/members/:memberId')
  async removeMember(@Req() request: FastifyRequest, @Param('memberId') memberId: string) {
    return accountWire(await this.billing.removeMember(callerOf(request), memberId, idempotencyKeyOf(request)));
  }

  @Post('account/reversals')
  @HttpCode(200)
  async reverse(@Req() request: FastifyRequest) {
    const { operationId, wallet } = bodyOf(reversalBody, request);
    return accountWire(await this.billing.reverse(callerOf(request), operationId, wallet));
  }

  @Get('account/balance')
  async balance(@Req() request: FastifyRequest) {
    const { at, wallet } = queryOf(balanceQuery, request);
    return positionWire(await this.billing.positionAt(callerOf(request), at, wallet));
  }

  @Get('account/usage')
  async usage(@Req() request: FastifyRequest) {
    const { by, wallet, ...period } = queryOf(usageQuery, request);
    return { by, ...usageWire(await this.billing.usage(callerOf(request), period, by, wallet)) };
  }

  @Get('account/statement')
  async statement(@Req() request: FastifyRequest) {
    const { wallet, ...period } = queryOf(periodQuery, request);
    return statementWire(await this.billing.statement(callerOf(request), period, wallet));
  }

  @Get('account/entries.csv')
  async csv(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#export(request, reply, 'csv');
  }

  @Get('account/entries.parquet')
  async parquet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#export(request, reply, 'parquet');
  }

  @Post('account/payments')
  @HttpCode(200)
  async recordPayment(@Req() request: FastifyRequest) {
    const { paymentId, pack } = bodyOf(paymentBody, request);
    const { outcome, account } = await this.billing.recordPayment(callerOf(request), paymentId, pack);
    return { outcome, account: accountWire(account) };
  }

  @Delete('account/payments/:paymentId')
  async recordRefund(@Req() request: FastifyRequest, @Param('paymentId') paymentId: string) {
    return this.billing.recordRefund(callerOf(request), paymentId);
  }

  /** One JSON object a line: findings as they are found, then the summary. */
  @Get('reconciliation')
  async reconcile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await sendJsonLines(reply, this.billing.reconcile(callerOf(request), clientSignal(reply)), reconcileWire);
  }

  async #export(request: FastifyRequest, reply: FastifyReply, format: keyof typeof contentTypes): Promise<void> {
    const { wallet, ...period } = queryOf(periodQuery, request);
    const pieces = this.billing.export(callerOf(request), period, wallet, format, clientSignal(reply));
    // A refusal can only be told before the stream begins.
    const first = await pieces.next();
    await reply
      .header('content-type', contentTypes[format])
      .header('content-disposition', `attachment; filename="entries.${format}"`)
      .send(Readable.from(following(first, pieces)));
  }
}
