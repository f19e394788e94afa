import { Controller, Get, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { previewWire, generationWire } from '../generations/leonardo-wire.js';
import { Models } from '../generations/models.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { callerOf, clientSignal, queryOf } from '../http/request.js';
import { accountEventsQuery } from '../http/schemas/tessera.js';
import { lastEventIdOf, sendEvents, type ServerSentEvent } from '../http/server-sent-events.js';
import { accountWire, queueWire } from '../http/tessera-wire.js';
import type { AccountEvent } from './account-event.js';
import { AccountEvents } from './account-events.js';

/** Everything that happens to an account as server-sent events: a page needs one connection, however many jobs it shows. */
@Controller('api/rest/v1/events')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class AccountEventsController {
  constructor(
    private readonly events: AccountEvents,
    private readonly models: Models,
  ) {}

  @Get()
  async watch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { after, previews } = queryOf(accountEventsQuery, request);
    const leonardoIds = await this.models.leonardoIds();
    const signal = clientSignal(reply);
    const { authorization } = request.headers;
    const events = this.events.watch(callerOf(request), {
      afterSequence: lastEventIdOf(request, after),
      hasPreviews: previews === 'true',
      authorization,
      signal,
    });
    await sendEvents(request, reply, wired(events, leonardoIds), signal);
  }
}

async function* wired(events: AsyncIterable<AccountEvent>, leonardoIds: ReadonlyMap<string, string>): AsyncGenerator<ServerSentEvent> {
  for await (const event of events) yield serverSent(event, leonardoIds);
}

function serverSent(event: AccountEvent, leonardoIds: ReadonlyMap<string, string>): ServerSentEvent {
  switch (event.kind) {
    case 'generation':
      return { id: event.sequence, type: 'generation', data: generationWire(event.generation, leonardoIds) };
    case 'progress':
      return { id: event.sequence, type: 'progress', data: { id: event.jobId, step: event.progress.step, steps: event.progress.steps } };
    case 'preview':
      return { id: event.sequence, type: 'preview', data: { id: event.jobId, ...previewWire(event.preview) } };
    case 'removed':
      return { id: event.sequence, type: 'removed', data: { id: event.jobId } };
    case 'caughtUp':
      return { id: event.sequence, type: 'caught_up', data: {} };
    case 'balance':
      return { type: 'balance', data: accountWire(event.account) };
    case 'queue':
      return { type: 'queue', data: queueWire(event.queue) };
  }
}
