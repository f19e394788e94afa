import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../../logger.js';
import { counter, distribution, metricsText } from '../metrics.js';
import { telemetrySettings } from '../settings.js';
import { inSpan } from '../span.js';
import { startTelemetry } from '../start-telemetry.js';

type Received = { readonly path: string; readonly type: string; readonly header: string; readonly body: Buffer };

/** What a collector would get: OTLP over HTTP is a POST for each signal. */
async function collector() {
  const received: Received[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', header: String(request.headers['x-tenant'] ?? ''), body: Buffer.concat(chunks) });
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => new Promise((resolve) => server.close(resolve)) };
}

describe('the export by OTLP over HTTP', () => {
  afterEach(() => {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
    delete process.env['OTEL_SERVICE_NAME'];
    delete process.env['OTEL_EXPORTER_OTLP_TIMEOUT'];
  });

  it('sends traces and the metrics of the registry as protobuf, under the name and with the headers that the environment gives', async () => {
    const here = await collector();
    Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: here.url, OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue', OTEL_SERVICE_NAME: 'pictures' });
    const telemetry = await startTelemetry(telemetrySettings.parse({ traces: here.url, metrics: here.url }), 'tessera', createLogger('silent', 'test'));
    counter({ name: 'tessera_test_total', help: 'Counted by a test.' }).inc(5);
    const waits = distribution({ name: 'tessera_test_wait_seconds', help: 'Measured by a test.', buckets: [1, 2] });
    await inSpan('work', {}, async () => waits.observe(1.5), { mayBeRoot: true });
    const exemplars = (await metricsText()).split('\n').filter((line) => line.startsWith('tessera_test_wait_seconds_bucket') && line.includes('trace_id'));
    await telemetry.close();
    await here.close();
    const bodyOf = (path: string) => here.received.filter((one) => one.path === path && one.type === 'application/x-protobuf' && one.header === 'blue').map(({ body }) => body.toString('latin1')).join('');
    expect(bodyOf('/v1/traces')).toContain('work');
    expect(bodyOf('/v1/traces')).toContain('pictures');
    expect(bodyOf('/v1/metrics')).toContain('tessera_test_wait_seconds');
    expect(exemplars).toHaveLength(1);
  });

  it('ends in time when the collector is away', async () => {
    Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '200' });
    const telemetry = await startTelemetry(telemetrySettings.parse({ traces: 'http://127.0.0.1:1' }), 'tessera', createLogger('silent', 'test'));
    await inSpan('work', {}, async () => {}, { mayBeRoot: true });
    await expect(telemetry.close()).resolves.toBeUndefined();
  });
});
