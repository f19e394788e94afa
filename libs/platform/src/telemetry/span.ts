import { currentTraceparent, isSampled, withTraceparent } from '../trace.js';

/** Names as the semantic conventions have them (https://opentelemetry.io/docs/specs/semconv/); what is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export type SpanOptions = {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Traceparent of what caused it; default: the current one. */
  readonly parent?: string | undefined;
  /** Without a parent it begins a trace of its own. Without this, work that nobody asked for (timers, sweeps, idle claims) leaves no spans. */
  readonly mayBeRoot?: boolean;
  /** Traceparents of what else it belongs to. */
  readonly links?: readonly string[];
  /** Milliseconds since 1970, fractions included; default: now. */
  readonly startMs?: number;
};

/** One stretch of work, from its start to `end`. */
export type Span = {
  /** What its own work carries on; undefined when nothing is recorded. */
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  link(traceparent: string): void;
  event(name: string, attributes?: Attributes, atMs?: number): void;
  /** Marks it as failed; it still has to end. */
  fail(error: unknown): void;
  end(endMs?: number): void;
};

/** Records spans; there is one in a process that exports, none in others. */
export type SpanRecorder = { start(name: string, options: SpanOptions): Span };

const unrecorded: Span = { traceparent: undefined, set() {}, link() {}, event() {}, fail() {}, end() {} };

let recorder: SpanRecorder | undefined;

/** From here on spans go to this recorder; with undefined they cost a comparison again. */
export function recordSpansWith(next: SpanRecorder | undefined): void {
  recorder = next;
}

export const isTracing = (): boolean => recorder !== undefined;

/** The caller ends it. */
export function startSpan(name: string, options: SpanOptions = {}): Span {
  if (recorder === undefined) return unrecorded;
  const parent = options.parent ?? currentTraceparent();
  if (parent === undefined ? options.mayBeRoot !== true : !isSampled(parent)) return unrecorded;
  return recorder.start(name, { ...options, parent });
}

/** Runs `run` as a span: what it calls and sends carries the span on, an error marks it, and it ends with the promise. */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  run: (span: Span) => Promise<T>,
  options: Omit<SpanOptions, 'attributes'> = {},
): Promise<T> {
  if (recorder === undefined) return run(unrecorded);
  const span = startSpan(name, { ...options, attributes });
  return span === unrecorded ? run(span) : within(span, run);
}

/** Tells of a stretch of work that is over. Answers its traceparent, so that what came after it can stand below it. */
export function recordSpan(name: string, options: SpanOptions & { readonly startMs: number; readonly endMs: number }): string | undefined {
  if (recorder === undefined) return undefined;
  const span = startSpan(name, options);
  span.end(Math.max(options.startMs, options.endMs));
  return span.traceparent;
}

/** The clock that counts fractions knows nothing of corrections of the wall clock, which processes on other machines follow, so it is set by that one this often. */
const clockSetEveryMs = 10_000;
let originMs = performance.timeOrigin;
let clockSetAtMs = 0;

/** Milliseconds since 1970 with fractions, for `startMs` and `endMs`. */
export function spanTimeMs(): number {
  const sinceStartMs = performance.now();
  if (sinceStartMs - clockSetAtMs > clockSetEveryMs) {
    originMs = Date.now() - sinceStartMs;
    clockSetAtMs = sinceStartMs;
  }
  return originMs + sinceStartMs;
}

async function within<T>(span: Span, run: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await withTraceparent(span.traceparent, () => run(span));
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
