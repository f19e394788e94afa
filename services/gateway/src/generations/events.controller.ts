import { once } from 'node:events';
import { Controller, Get, Param, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Generations, type GenerationEvent } from './generations.js';
import { isFinal } from './job-states.js';
import { Models } from './models.js';
import { ApiKeyGuard } from '../http/api-key.guard.js';
import { HttpErrors } from '../http/http-errors.js';
import { generationWire } from './leonardo-wire.js';
import { callerOf, clientSignal, queryOf, requestIdOf } from '../http/request.js';
import { eventsQuery } from '../http/schemas/tessera.js';

/** Proxies cut connections that are silent for a minute or so. */
const heartbeatEveryMs = 15_000;
const reconnectAfterMs = 1_000;

/** Server-sent events (WHATWG HTML, section 9.2) of one generation. */
@Controller('api/rest/v1/generations')
@UseGuards(ApiKeyGuard)
@UseFilters(HttpErrors)
export class EventsController {
  constructor(
    private readonly generations: Generations,
    private readonly models: Models,
  ) {}

  @Get(':id/events')
  async events(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const caller = callerOf(request);
    const { after } = queryOf(eventsQuery, request);
    const lastEventId = request.headers['last-event-id'];
    // Read first: once the stream has begun, a refusal cannot be told any more.
    await this.generations.get(caller, id);
    const leonardoIds = await this.models.leonardoIds();
    const signal = clientSignal(reply);
    const events = this.generations.watch(caller, id, typeof lastEventId === 'string' ? lastEventId.slice(0, 100) : after, signal);
    await this.#stream(reply, requestIdOf(request), events, leonardoIds, signal);
  }

  async #stream(reply: FastifyReply, requestId: string, events: AsyncIterable<GenerationEvent>, leonardoIds: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    reply.hijack();
    const { raw } = reply;
    raw.on('error', () => {}); // The socket has gone; `signal` tells the producer.
    raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff', 'x-request-id': requestId });
    raw.write(`retry: ${reconnectAfterMs}\n\n`);
    const heartbeat = setInterval(() => raw.write(': still here\n\n'), heartbeatEveryMs);
    try {
      for await (const event of events) {
        const mayContinue = raw.write(blockOf(event, leonardoIds));
        if (!mayContinue) await once(raw, 'drain', { signal });
      }
    } catch {
      // The stream breaks off; the client resumes after the last id it saw.
    } finally {
      clearInterval(heartbeat);
      raw.end();
    }
  }
}

function blockOf(event: GenerationEvent, leonardoIds: ReadonlyMap<string, string>): string {
  const [type, data] = typeAndData(event, leonardoIds);
  return `id: ${event.sequence}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function typeAndData(event: GenerationEvent, leonardoIds: ReadonlyMap<string, string>): [string, unknown] {
  switch (event.kind) {
    case 'state':
      return [isFinal(event.generation.job.state) ? 'done' : 'state', generationWire(event.generation, leonardoIds)];
    case 'progress':
      return ['progress', { step: event.progress.step, steps: event.progress.steps }];
    case 'preview': {
      const { index, step, contentType, data } = event.preview;
      return ['preview', { index, step, contentType, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') }];
    }
  }
}
