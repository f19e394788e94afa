import {
  ROOT_CONTEXT,
  SpanKind as OtelKind,
  SpanStatusCode,
  trace,
  type Attributes as OtelAttributes,
  type Span as OtelSpan,
  type Tracer,
} from '@opentelemetry/api';
import { spanTimeMs, type Attributes, type Span, type SpanKind, type SpanOptions, type SpanRecorder } from '../span.js';
import { contextOf, traceparentOf } from './span-contexts.js';

const kinds = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
} as const satisfies Record<SpanKind, OtelKind>;

/**
 * Spans through OpenTelemetry's SDK. Parents are given one by one as traceparents: the context that travels through this process, its messages and its
 * documents is that of `trace.ts`, whether anything is recorded or not, so there is no second one here to keep in step.
 */
export class OtelRecorder implements SpanRecorder {
  constructor(private readonly tracer: Tracer) {}

  start(name: string, { kind = 'internal', attributes = {}, parent, links = [], startMs = spanTimeMs() }: SpanOptions): Span {
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
    const options = {
      kind: kinds[kind],
      attributes: attributes as OtelAttributes,
      links: links.map((link) => ({ context: contextOf(link) })),
      startTime: startMs,
    };
    return new RecordedSpan(this.tracer.startSpan(name, options, context));
  }
}

class RecordedSpan implements Span {
  readonly traceparent: string;

  constructor(private readonly span: OtelSpan) {
    this.traceparent = traceparentOf(span.spanContext());
  }

  set(attributes: Attributes): void {
    this.span.setAttributes(attributes as OtelAttributes);
  }

  link(traceparent: string): void {
    this.span.addLink({ context: contextOf(traceparent) });
  }

  event(name: string, attributes: Attributes = {}, atMs = spanTimeMs()): void {
    this.span.addEvent(name, attributes as OtelAttributes, atMs);
  }

  fail(error: unknown): void {
    const { reason, name, message } = error as { reason?: unknown; name?: unknown; message?: unknown };
    this.span.setAttribute('error.type', String(reason ?? name ?? 'unknown'));
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: String(message ?? error) });
  }

  end(endMs = spanTimeMs()): void {
    // Whoever ends it first is right: a batch closes what its jobs have left open.
    if (this.span.isRecording()) this.span.end(endMs);
  }
}
