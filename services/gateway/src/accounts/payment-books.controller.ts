import { Readable } from 'node:stream';
import { Controller, Get, HttpCode, Param, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { following } from '../http/json-lines.js';
import { callerOf, queryOf } from '../http/request.js';
import { paymentsExportQuery, paymentsQuery } from '../http/schemas/tessera.js';
import { PaymentBooks } from './payment-books.js';
import { paymentCsv, paymentCsvHeader, paymentWire } from './payment-wire.js';

/** What was paid, by whom and for what, and the operator's decisions about it. */
@Controller('api/rest/v1')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class PaymentBooksController {
  constructor(private readonly books: PaymentBooks) {}

  @Get('payments')
  async list(@Req() request: FastifyRequest) {
    const { pageSize, pageToken, ...filter } = queryOf(paymentsQuery, request);
    const { payments, nextPageToken } = await this.books.page(callerOf(request), filter, pageSize, pageToken);
    return { payments: payments.map(paymentWire), ...(nextPageToken === '' ? {} : { nextPageToken }) };
  }

  @Get('payments.csv')
  async csv(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const pages = this.books.all(callerOf(request), queryOf(paymentsExportQuery, request));
    // A refusal can only be told before the stream begins.
    const first = await pages.next();
    const lines = async function* (): AsyncGenerator<string> {
      yield paymentCsvHeader;
      for await (const page of following(first, pages)) yield page.map(paymentCsv).join('');
    };
    await reply
      .header('content-type', 'text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="payments.csv"')
      .send(Readable.from(lines()));
  }

  @Post('payments/:paymentId/credit')
  @HttpCode(200)
  async credit(@Req() request: FastifyRequest, @Param('paymentId') paymentId: string) {
    return this.books.decide(callerOf(request), paymentId, 'credit');
  }

  @Post('payments/:paymentId/refund')
  @HttpCode(200)
  async refund(@Req() request: FastifyRequest, @Param('paymentId') paymentId: string) {
    return this.books.decide(callerOf(request), paymentId, 'refund');
  }
}
