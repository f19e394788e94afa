import { existsSync } from 'node:fs';
import path from 'node:path';
import { Controller, Get, Header, Inject, Param, Res, UseFilters, UseGuards } from '@nestjs/common';
import { Config } from '@tessera/platform/config.js';
import { isReason, notFound } from '@tessera/platform/errors.js';
import type { FastifyReply } from 'fastify';
import { HttpErrors } from './http-errors.js';
import { errorPage, errorsPage } from './openapi/error-pages.js';
import { openApiDocument } from './openapi/document.js';
import { docsPage } from './openapi/page.js';
import { QueryGuard } from './query.guard.js';

const consoleIsMissing = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tessera</title></head><body style="font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem">
<h1>Tessera is running</h1><p>The console is not built. Build it with <code>npm run build --workspace web/console</code> and start again with <code>./tessera up</code>.</p>
<p><a href="/docs">The API, with examples</a></p></body></html>`;

/** What a browser opens. */
@Controller()
@UseGuards(QueryGuard)
@UseFilters(HttpErrors)
export class PagesController {
  #document: Record<string, unknown> | undefined;

  constructor(@Inject(Config) private readonly config: Config) {}

  @Get()
  async home(@Res() reply: FastifyReply): Promise<void> {
    const { consoleDir } = this.config;
    reply.header('content-type', 'text/html; charset=utf-8').header('cache-control', 'no-cache');
    if (consoleDir && existsSync(path.join(consoleDir, 'index.html'))) await reply.sendFile('index.html');
    else await reply.send(consoleIsMissing);
  }

  @Get('openapi.json')
  openapi(): Record<string, unknown> {
    return this.#describe();
  }

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  docs(): string {
    return docsPage(this.#describe());
  }

  @Get('docs/errors')
  @Header('content-type', 'text/html; charset=utf-8')
  errors(): string {
    return errorsPage();
  }

  /** The type is set here, not by the decorator: a refusal is JSON. */
  @Get('docs/errors/:reason')
  error(@Param('reason') reason: string, @Res({ passthrough: true }) reply: FastifyReply): string {
    if (!isReason(reason)) throw notFound('unknown_route', 'There is no such reason; /docs/errors lists them all.');
    reply.header('content-type', 'text/html; charset=utf-8');
    return errorPage(reason);
  }

  /** Made when first asked for: it takes longer than a request should. */
  #describe(): Record<string, unknown> {
    this.#document ??= openApiDocument(this.config.publicUrl ?? '/');
    return this.#document;
  }
}
