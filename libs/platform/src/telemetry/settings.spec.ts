import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment } from '../config.js';

describe('telemetry settings', () => {
  const settings = (env: Record<string, string>) => configFromEnvironment(env).telemetry;
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

  it('are absent while no variable asks for an exporter', () => {
    expect(settings({ OTEL_TRACES_SAMPLER: 'always_on', OTEL_SERVICE_NAME: 'pictures' })).toBeUndefined();
    expect(settings({ OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: '' })).toBeUndefined();
    expect(settings({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
    expect(
      settings({ ...endpoint, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' }),
    ).toBeUndefined();
  });

  it('send every signal to a common endpoint, and only what has one when they have their own', () => {
    expect(settings(endpoint)).toEqual({ traces: 'environment', metrics: 'environment', logs: 'environment' });
    expect(settings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector:4318/v1/traces' })).toEqual({ traces: 'environment' });
    expect(settings({ ...endpoint, OTEL_METRICS_EXPORTER: 'none' })).toEqual({ traces: 'environment', logs: 'environment' });
  });

  it('need no endpoint where an exporter is named', () => {
    expect(settings({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'console' })).toEqual({
      traces: 'environment',
      logs: 'environment',
    });
    expect(
      settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'file:///tmp/all.jsonl', OTEL_TRACES_EXPORTER: 'console', OTEL_LOGS_EXPORTER: 'none' }),
    ).toEqual({ traces: 'environment', metrics: 'file:///tmp/all.jsonl' });
  });

  it('take the address of a gRPC collector without its scheme', () => {
    expect(settings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual({
      traces: 'environment',
    });
  });

  it('refuse with a sentence what would be exported to nowhere', () => {
    expect(() => settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).toThrow(
      'OTEL_EXPORTER_OTLP_ENDPOINT: an endpoint begins with http:, https: or file:, and "collector:4318" does not.',
    );
    expect(() => settings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'file:///tmp/x', OTEL_TRACES_EXPORTER: 'otlp,console' })).toThrow(
      'a file is the only exporter of its signal',
    );
    expect(() => settings({ OTEL_CONFIG_FILE: '/etc/otel.yaml' })).toThrow('OTEL_CONFIG_FILE is not read here');
  });
});
