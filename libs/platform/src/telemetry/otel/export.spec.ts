import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { configFromEnvironment } from '../../config.js';
import { createLogger } from '../../logger.js';
import { newTraceparent, spanIdOf, traceIdOf, withTraceparent } from '../../trace.js';
import { counter, distribution, metricsText } from '../metrics.js';
import { callersTraceparent, traceHeaders } from '../propagation.js';
import { inSpan, startSpan } from '../span.js';
import { startTelemetry } from '../start-telemetry.js';
import type { Telemetry } from '../telemetry.js';
import { grpcCollector, httpCollector, type Received } from './collector.fixture.js';

type Value = { readonly stringValue?: string; readonly intValue?: number };
type Attributes = readonly { readonly key: string; readonly value: Value }[];
type SpansByJson = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string; readonly attributes: Attributes }[] }[];
  }[];
};

const bodyOf = (received: readonly Received[], path: string) =>
  received
    .filter((one) => one.path === path)
    .map(({ body }) => body.toString('latin1'))
    .join('');
const namesOf = (attributes: Attributes) => attributes.map(({ key }) => key);

describe('the export that OTEL_* variables ask for', () => {
  const before = { ...process.env };
  let telemetry: Telemetry | undefined;
  let collector: Awaited<ReturnType<typeof httpCollector>>;

  beforeEach(async () => {
    collector = await httpCollector();
  });
  afterEach(async () => {
    await stop();
    await collector.close();
    process.env = { ...before };
  });
  const start = async (env: Record<string, string>) => {
    Object.assign(process.env, env);
    telemetry = await startTelemetry(configFromEnvironment(process.env).telemetry, 'tessera', createLogger('silent', 'test'));
  };
  const stop = async () => {
    await telemetry?.close();
    telemetry = undefined;
  };
  const span = (name = 'work') => inSpan(name, { 'tessera.one': 1, 'tessera.two': 2 }, async () => {}, { mayBeRoot: true });
  const spansByJson = () => JSON.parse(bodyOf(collector.received, '/v1/traces')) as SpansByJson;

  it('sends traces, the metrics of the registry and the log as protobuf, under the name and with the headers that the environment gives', async () => {
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue', OTEL_SERVICE_NAME: 'pictures' });
    counter({ name: 'tessera_test_total', help: 'Counted by a test.' }).inc(5);
    const waits = distribution({ name: 'tessera_test_wait_seconds', help: 'Measured by a test.', buckets: [1, 2] });
    await inSpan('work', {}, async () => waits.observe(1.5), { mayBeRoot: true });
    const exemplars = (await metricsText())
      .split('\n')
      .filter((line) => line.startsWith('tessera_test_wait_seconds_bucket') && line.includes('trace_id'));
    await stop();
    const [traces, metrics] = ['/v1/traces', '/v1/metrics'].map((path) => bodyOf(collector.received, path));
    expect(traces).toContain('work');
    expect(traces).toContain('pictures');
    expect(metrics).toContain('tessera_test_wait_seconds');
    expect(new Set(collector.received.map(({ type, tenant }) => `${type} ${tenant}`))).toEqual(new Set(['application/x-protobuf blue']));
    expect(exemplars).toHaveLength(1);
  });

  it('sends each signal its own way: JSON, compressed, to a place of its own, and nothing of those that are off', async () => {
    await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-tenant=red',
    });
    await span();
    await stop();
    expect(collector.received.map(({ path, type, encoding, tenant }) => ({ path, type, encoding, tenant }))).toEqual([
      { path: '/v1/traces', type: 'application/json', encoding: 'gzip', tenant: 'red' },
    ]);
    expect(spansByJson().resourceSpans[0]?.scopeSpans[0]?.spans).toMatchObject([{ name: 'work' }]);
  });

  it('speaks gRPC to a collector', async () => {
    const grpc = await grpcCollector();
    await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: grpc.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=green',
    });
    await span();
    await stop();
    await grpc.close();
    expect(grpc.received).toMatchObject([{ tenant: 'green' }]);
    expect(grpc.received[0]?.body.toString('latin1')).toContain('work');
  });

  it('takes its resource from the attributes and detectors of the environment, and its limits of spans', async () => {
    await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_NODE_RESOURCE_DETECTORS: 'host',
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '1',
    });
    await span();
    await stop();
    const [{ resource, scopeSpans } = { resource: { attributes: [] }, scopeSpans: [] }] = spansByJson().resourceSpans;
    expect(resource.attributes).toEqual(
      expect.arrayContaining([
        { key: 'service.name', value: { stringValue: 'tessera' } },
        { key: 'deployment.environment.name', value: { stringValue: 'test' } },
      ]),
    );
    expect(namesOf(resource.attributes)).toContain('host.name');
    expect(namesOf(resource.attributes)).not.toContain('process.pid');
    expect(namesOf(scopeSpans[0]?.spans[0]?.attributes ?? [])).toEqual(['tessera.one']);
  });

  it('follows the sampler that is set', async () => {
    await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    const root = startSpan('request', { mayBeRoot: true });
    root.end();
    await stop();
    expect(root.traceparent?.endsWith('-00')).toBe(true);
    expect(collector.received).toEqual([]);
  });

  it('reads and writes the contexts of others as the propagators say, and W3C ones again once it has ended', async () => {
    const traceparent = newTraceparent();
    const b3 = `${traceIdOf(traceparent)}-${spanIdOf(traceparent)}-1`;
    const header = (headers: Record<string, string>) => (name: string) => headers[name];
    await start({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`, OTEL_PROPAGATORS: 'b3' });
    expect([callersTraceparent(header({ b3 })), callersTraceparent(header({ traceparent }))]).toEqual([traceparent, undefined]);
    expect(traceHeaders(traceparent)).toEqual({ b3 });
    await stop();
    expect([callersTraceparent(header({ b3 })), callersTraceparent(header({ traceparent }))]).toEqual([undefined, traceparent]);
    expect(traceHeaders(traceparent)).toEqual({ traceparent });
  });

  it('sends log lines with their severity and trace, without secrets, and not its own complaints', async () => {
    await start({
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
    });
    const traceparent = newTraceparent();
    const logger = createLogger('warn', 'test');
    withTraceparent(traceparent, () => logger.warn({ jobId: 'job-1', apiKey: 'tk_secret' }, 'a lease was lost'));
    logger.child({ scope: 'telemetry' }).warn('the collector is away');
    await stop();
    const { resourceLogs } = JSON.parse(bodyOf(collector.received, '/v1/logs')) as {
      resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[];
    };
    const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
    expect(records).toMatchObject([
      {
        severityText: 'WARN',
        severityNumber: 13,
        body: { stringValue: 'a lease was lost' },
        traceId: traceIdOf(traceparent),
        spanId: spanIdOf(traceparent),
      },
    ]);
    expect(JSON.stringify(records)).toContain('job-1');
    expect(JSON.stringify(records)).not.toContain('tk_secret');
  });

  it('prints spans for OTEL_TRACES_EXPORTER=console', async () => {
    const printed = Promise.withResolvers<unknown>();
    const dir = jest.spyOn(console, 'dir').mockImplementation((span) => printed.resolve(span));
    try {
      await start({ OTEL_TRACES_EXPORTER: 'console' });
      await span('printed');
      expect(await printed.promise).toMatchObject({ name: 'printed' });
    } finally {
      dir.mockRestore();
    }
  });

  it('serves the registry on a port of its own for OTEL_METRICS_EXPORTER=prometheus', async () => {
    const port = await freePort();
    await start({
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    counter({ name: 'tessera_scraped_total', help: 'Counted by a test.' }).inc(3);
    const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(scraped).toMatch(/^tessera_scraped_total(\{.*\})? 3/m);
  });

  it('ends in time when the collector is away', async () => {
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '200' });
    await span();
    await expect(stop()).resolves.toBeUndefined();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
