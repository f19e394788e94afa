import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLogger } from '../logger.js';
import { currentTraceparent, newTraceparent, spanIdOf, traceIdOf, withTraceparent } from '../trace.js';
import { telemetrySettings } from './settings.js';
import { inSpan, isTracing, recordSpan, startSpan } from './span.js';
import { startTelemetry } from './start-telemetry.js';
import type { Telemetry } from './telemetry.js';

type FileSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  links?: { spanId: string }[];
  status: { code: number };
  attributes: { key: string; value: Record<string, unknown> }[];
};

let telemetry: Telemetry | undefined;
let file = '';

const record = async () => {
  file = path.join(await mkdtemp(path.join(os.tmpdir(), 'tessera-telemetry-')), 'spans.jsonl');
  telemetry = await startTelemetry(
    telemetrySettings.parse({ traces: pathToFileURL(file).href }),
    'tessera-test',
    createLogger('silent', 'test'),
  );
};
const recorded = async (): Promise<FileSpan[]> => {
  await telemetry?.close();
  telemetry = undefined;
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.flatMap((line) =>
    (JSON.parse(line) as { resourceSpans: { scopeSpans: { spans: FileSpan[] }[] }[] }).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans),
    ),
  );
};

describe('spans', () => {
  afterEach(() => telemetry?.close());

  it('run what they are given, and nothing else, while nothing is exported', async () => {
    const traceparent = newTraceparent();
    expect(isTracing()).toBe(false);
    expect(await withTraceparent(traceparent, () => inSpan('work', {}, async (span) => [span.traceparent, currentTraceparent()]))).toEqual([
      undefined,
      traceparent,
    ]);
    expect(recordSpan('past', { parent: traceparent, startMs: 0, endMs: 1 })).toBeUndefined();
  });

  it('stand below what caused them, in the trace that was current', async () => {
    await record();
    const cause = newTraceparent();
    const inner = await withTraceparent(cause, () =>
      inSpan('outer', { 'tessera.count': 3 }, () => inSpan('inner', {}, async () => currentTraceparent())),
    );
    const spans = await recorded();
    const [outer] = spans.filter(({ name }) => name === 'outer');
    expect(outer).toMatchObject({
      traceId: traceIdOf(cause),
      parentSpanId: spanIdOf(cause),
      attributes: [{ key: 'tessera.count', value: { intValue: 3 } }],
    });
    expect(spans.find(({ name }) => name === 'inner')).toMatchObject({
      traceId: traceIdOf(cause),
      parentSpanId: outer?.spanId,
      spanId: spanIdOf(inner ?? ''),
    });
  });

  it('are marked by an error, which goes on', async () => {
    await record();
    const failing = inSpan('failing', {}, () => Promise.reject(new TypeError('no')), { mayBeRoot: true });
    await expect(failing).rejects.toThrow('no');
    expect(await recorded()).toMatchObject([
      { name: 'failing', status: { code: 2 }, attributes: [{ key: 'error.type', value: { stringValue: 'TypeError' } }] },
    ]);
  });

  it('are not made for work that nobody asked for, unless it may begin a trace', async () => {
    await record();
    await inSpan('sweep', {}, async () => {});
    startSpan('request', { kind: 'server', mayBeRoot: true }).end();
    expect((await recorded()).map(({ name }) => name)).toEqual(['request']);
  });

  it('are not made below a cause that is not sampled', async () => {
    await record();
    await inSpan('work', {}, async () => {}, { parent: newTraceparent().replace(/01$/, '00') });
    expect(await readFile(file, 'utf8').catch(() => '')).toBe('');
  });

  it('tell of work that is over, with links to what else it belongs to', async () => {
    await record();
    const [cause, other] = [newTraceparent(), newTraceparent()];
    recordSpan('wait', { parent: cause, links: [other], startMs: 1_800_000_000_000, endMs: 1_800_000_000_250.5 });
    expect(await recorded()).toMatchObject([
      { startTimeUnixNano: '1800000000000000000', endTimeUnixNano: '1800000000250500000', links: [{ spanId: spanIdOf(other) }] },
    ]);
  });
});
