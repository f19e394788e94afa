import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment } from '../config.js';

describe('telemetry settings', () => {
  const settings = (env: Record<string, string>) => configFromEnvironment(env).telemetry;

  it('are absent when there is nowhere to export to', () => {
    expect(settings({ OTEL_TRACES_SAMPLER: 'always_on' })).toBeUndefined();
    expect(settings({ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toBeUndefined();
  });

  it('send both signals to an endpoint, and only what has one when they have their own', () => {
    expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toMatchObject({ traces: 'http://collector:4318', metrics: 'http://collector:4318', sampler: 'parentbased_always_on' });
    expect(settings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'file:///tmp/spans.jsonl' })).toMatchObject({ traces: 'file:///tmp/spans.jsonl', metrics: undefined });
    expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_METRICS_EXPORTER: 'none' })).toMatchObject({ traces: 'http://collector:4318', metrics: undefined });
  });

  it('take the sampler and the batches from the standard variables', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'file:///tmp/spans.jsonl', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25', OTEL_BSP_SCHEDULE_DELAY: '100' };
    expect(settings(env)).toMatchObject({ sampler: 'parentbased_traceidratio', samplerRatio: 0.25, spansEveryMs: 100 });
  });

  it('refuse what is not spoken here with a sentence', () => {
    expect(() => settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toThrow('OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not spoken here');
    expect(() => settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).toThrow('an endpoint begins with');
    expect(() => settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'file:///tmp/x', OTEL_TRACES_SAMPLER: 'sometimes' })).toThrow('telemetry.sampler');
  });
});
