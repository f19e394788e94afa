import { isTraceparent } from '../trace.js';

/**
 * How a trace context is read from callers and written to servers that are not ours. Between our services, in events and in documents it is a `traceparent` always:
 * that is a contract of ours, which no setting changes.
 */
export type Propagation = {
  /** Traceparent of the caller, from headers by their lower-case names. */
  extract(header: (name: string) => string | undefined): string | undefined;
  inject(traceparent: string): Readonly<Record<string, string>>;
};

const w3c: Propagation = {
  extract(header) {
    const sent = header('traceparent');
    return isTraceparent(sent) ? sent : undefined;
  },
  inject: (traceparent) => ({ traceparent }),
};

let current = w3c;

/** From here on contexts are read and written as `OTEL_PROPAGATORS` asks; with undefined as W3C `traceparent` again. */
export function propagateWith(next: Propagation | undefined): void {
  current = next ?? w3c;
}

export const callersTraceparent = (header: (name: string) => string | undefined): string | undefined => current.extract(header);

/** The headers that carry a context to a server that is not ours. */
export const traceHeaders = (traceparent: string | undefined): Readonly<Record<string, string>> =>
  traceparent === undefined ? {} : current.inject(traceparent);
