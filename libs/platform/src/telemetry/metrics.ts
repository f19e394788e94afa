import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry, register } from 'prom-client';
import { currentTraceparent, isSampled, spanIdOf, traceIdOf } from '../trace.js';
import { isTracing } from './span.js';

// OpenMetrics, which Prometheus asks for first, is the one format that has exemplars. A registry writes one format for life: it renames its counters for it.
register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);

/** Label values come from code, configuration or contracts, never from callers: each is one of a few dozen. */
type Labels = Readonly<Record<string, string>>;

type Described = { readonly name: string; readonly help: string; readonly labelNames?: readonly string[] };

/** Made once, however often a process hosts what declares it (tests do). Names end with their unit, those of counters with `_total`. */
export function counter({ name, help, labelNames = [] }: Described): Counter {
  return (register.getSingleMetric(name) as Counter | undefined) ?? new Counter({ name, help, labelNames: [...labelNames] });
}

/** What something else counts anyway; asked at every scrape, the newest declaration is. */
export function counted({ name, help }: Described, total: () => number): void {
  register.removeSingleMetric(name);
  let seen = 0;
  void new Counter({
    name,
    help,
    collect() {
      const now = total();
      this.inc(Math.max(0, now - seen));
      seen = now;
    },
  });
}

/** `collect` is asked at every scrape; the newest declaration is. */
export function gauge({ name, help, labelNames = [] }: Described, collect?: (gauge: Gauge) => Promise<void> | void): Gauge {
  if (collect !== undefined) register.removeSingleMetric(name);
  const known = register.getSingleMetric(name) as Gauge | undefined;
  return (
    known ??
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      ...(collect === undefined
        ? {}
        : {
            collect() {
              return collect(this);
            },
          }),
    })
  );
}

export type Distribution = {
  /** With the trace that is current as its exemplar, if that one is recorded. */
  observe(value: number, labels?: Labels, traceparent?: string): void;
};

export function distribution({ name, help, labelNames = [], buckets }: Described & { readonly buckets: readonly number[] }): Distribution {
  const histogram =
    (register.getSingleMetric(name) as Histogram | undefined) ??
    new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], enableExemplars: true });
  return {
    observe: (value, labels = {}, traceparent = currentTraceparent()) =>
      histogram.observe({ labels, value, ...exemplarOf(traceparent) } as never),
  };
}

function exemplarOf(traceparent: string | undefined): { exemplarLabels?: Record<string, string> } {
  if (!isTracing() || traceparent === undefined || !isSampled(traceparent)) return {};
  return { exemplarLabels: { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) } };
}

/** From well below a millisecond to half a minute. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
/** From a step of a small model to an hour in a long queue. */
export const waitBuckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600] as const;
export const sizeBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

/** CPU, memory, garbage collection and the delay of the event loop. */
export function collectProcessMetrics(): void {
  if (!register.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics();
}

export const metricsContentType = Registry.OPENMETRICS_CONTENT_TYPE;
export const metricsText = (): Promise<string> => register.metrics();
