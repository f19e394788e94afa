import { propagation, ROOT_CONTEXT, trace, type TextMapGetter } from '@opentelemetry/api';
import type { Propagation } from '../propagation.js';
import { contextOf, traceparentOf } from './span-contexts.js';

type Headers = (name: string) => string | undefined;

const getter: TextMapGetter<Headers> = { get: (headers, name) => headers(name.toLowerCase()), keys: () => [] };

/** Contexts as the propagators of `OTEL_PROPAGATORS` read and write them. Baggage is read by nobody here and goes no further. */
export const otelPropagation: Propagation = {
  extract(header) {
    const context = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, header, getter));
    return context === undefined ? undefined : traceparentOf(context);
  },
  inject(traceparent) {
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpanContext(ROOT_CONTEXT, contextOf(traceparent)), headers);
    return headers;
  },
};
