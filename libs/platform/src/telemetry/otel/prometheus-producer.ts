import { ValueType, type Attributes, type HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type CollectionResult,
  type DataPoint,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { register } from 'prom-client';

type Value = { readonly value: number; readonly labels: Record<string, string | number>; readonly metricName?: string };
type Metric = { readonly name: string; readonly help: string; readonly type: unknown; readonly values: readonly Value[] };

/** Reads the process's Prometheus registry as OpenTelemetry data. Exemplars stay behind: the SDK's exporter has no place for those of others. */
export class PrometheusProducer implements MetricProducer {
  readonly #startTime = hrTime();

  async collect(): Promise<CollectionResult> {
    const metrics = (await register.getMetricsAsJSON()) as unknown as Metric[];
    const endTime = hrTime();
    const data = metrics.flatMap((metric) => dataOf(metric, this.#startTime, endTime));
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope: { name: 'tessera' }, metrics: data }] }, errors: [] };
  }
}

function dataOf({ name, help, type, values }: Metric, startTime: HrTime, endTime: HrTime): MetricData[] {
  const descriptor = { name: name.replace(/_total$/, ''), description: help, unit: unitOf(name), valueType: ValueType.DOUBLE };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  const points = values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, labels }): DataPoint<number> => ({ startTime, endTime, attributes: labels, value }));
  if (type === 'counter')
    return [{ descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points }];
  if (type === 'gauge') return [{ descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints: points }];
  if (type === 'histogram')
    return [
      {
        descriptor,
        aggregationTemporality,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: histograms(name, values).map((point) => ({ ...point, startTime, endTime })),
      },
    ];
  return [];
}

/** Prometheus' buckets count all below their bound; OpenTelemetry's only their own. */
function histograms(name: string, values: readonly Value[]): { attributes: Attributes; value: Histogram }[] {
  const series = new Map<string, { attributes: Attributes; bounds: number[]; below: number[]; sum: number; count: number }>();
  for (const { value, labels, metricName } of values) {
    const { le, ...attributes } = labels;
    const key = JSON.stringify(Object.entries(attributes).sort());
    const one = series.get(key) ?? { attributes, bounds: [], below: [], sum: 0, count: 0 };
    series.set(key, one);
    if (metricName === `${name}_sum`) one.sum = value;
    else if (metricName === `${name}_count`) one.count = value;
    else if (le !== '+Inf') {
      one.bounds.push(Number(le));
      one.below.push(value);
    }
  }
  return [...series.values()].map(({ attributes, bounds, below, sum, count }) => {
    const counts = [...below, count].map((upTo, index, all) => upTo - (all[index - 1] ?? 0));
    return { attributes, value: { buckets: { boundaries: bounds, counts }, sum, count } };
  });
}

const units: Record<string, string> = { seconds: 's', bytes: 'By', tokens: '{token}', percent: '%' };

function unitOf(name: string): string {
  const words = name.replace(/_total$/, '').split('_');
  return units[words.at(-1) ?? ''] ?? '1';
}
