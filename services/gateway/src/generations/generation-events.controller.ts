import { Controller, Get, Param, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { callerOf, clientSignal, queryOf } from '../http/request.js';
import { eventsQuery } from '../http/schemas/tessera.js';
import { lastEventIdOf, sendEvents, type ServerSentEvent } from '../http/server-sent-events.js';
import { Generations, type GenerationEvent } from './generations.js';
import { isFinal } from './job-states.js';
import { generationWire, previewWire } from './leonardo-wire.js';
import { Models } from './models.js';

/** Server-sent events of one generation. */
@Controller('api/rest/v1/generations')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class GenerationEventsController {
  constructor(
    private readonly generations: Generations,
    private readonly models: Models,
  ) {}

  @Get(':id/events')
  async events(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const { after } = queryOf(eventsQuery, request);
    const leonardoIds = await this.models.leonardoIds();
    const signal = clientSignal(reply);
    const events = this.generations.watch(callerOf(request), id, lastEventIdOf(request, after), signal);
    await sendEvents(request, reply, wired(events, leonardoIds), signal);
  }
}

async function* wired(events: AsyncIterable<GenerationEvent>, leonardoIds: ReadonlyMap<string, string>): AsyncGenerator<ServerSentEvent> {
  for await (const event of events) yield { id: event.sequence, ...typeAndData(event, leonardoIds) };
}

function typeAndData(event: GenerationEvent, leonardoIds: ReadonlyMap<string, string>): Omit<ServerSentEvent, 'id'> {
  switch (event.kind) {
    case 'state':
      return { type: isFinal(event.generation.job.state) ? 'done' : 'state', data: generationWire(event.generation, leonardoIds) };
    case 'progress':
      return { type: 'progress', data: { step: event.progress.step, steps: event.progress.steps } };
    case 'preview':
      return { type: 'preview', data: previewWire(event.preview) };
  }
}
