import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@tessera/platform/logger.js';
import { telemetrySettings } from '@tessera/platform/telemetry/settings.js';
import { startTelemetry } from '@tessera/platform/telemetry/start-telemetry.js';
import type { Telemetry } from '@tessera/platform/telemetry/telemetry.js';
import { newTraceparent, spanIdOf, traceIdOf } from '@tessera/platform/trace.js';
import { openImageRunner } from '../runners/image/image-runner.fixture.js';
import { imageLease } from '../stand-ins.fixture.js';
import { BatchRun } from './batch-run.js';
import { Device } from './device.js';
import { JobFiles } from './job-files.js';

type Link = { readonly traceId: string; readonly spanId: string };
type Span = Link & { readonly name: string; readonly parentSpanId?: string; readonly links?: readonly Link[] };

const logger = createLogger('silent', 'test');

describe('a batch in the traces of its jobs', () => {
  let file = '';
  let telemetry: Telemetry;
  beforeEach(async () => {
    file = path.join(await mkdtemp(path.join(os.tmpdir(), 'tessera-batch-')), 'spans.jsonl');
    telemetry = await startTelemetry(telemetrySettings.parse({ traces: pathToFileURL(file).href }), 'tessera-test', logger);
  });
  afterEach(() => telemetry.close());

  /** Runs jobs of these traces as one batch; answers the spans, and the contexts in which each job was stored. */
  async function run(...traceparents: string[]): Promise<{ spans: Span[]; storedIn: Map<string, string | undefined> }> {
    const { queue, storage, runner, modelId, close } = await openImageRunner();
    const leases = traceparents.map((traceparent, at) => imageLease(`job-${at}`, modelId, { traceparent }));
    await new BatchRun(leases, {
      workerId: 'worker',
      worker: queue as never,
      files: new JobFiles(storage as never),
      runner,
      device: new Device(1),
      logger,
      modelVersions: new Map(),
    }).ended();
    await close();
    await telemetry.close();
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    const spans = lines.flatMap((line) =>
      (JSON.parse(line) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans),
      ),
    );
    return { spans, storedIn: storage.storedIn };
  }

  it('stands below its only job', async () => {
    const cause = newTraceparent();
    const { spans } = await run(cause);
    const job = spans.find(({ name }) => name === 'run job');
    expect(job).toMatchObject({ traceId: traceIdOf(cause), parentSpanId: spanIdOf(cause) });
    expect(spans.find(({ name }) => name === 'run batch')).toMatchObject({ traceId: traceIdOf(cause), parentSpanId: job?.spanId });
  });

  it('stands below the first of several and links to the others, which link back', async () => {
    const causes = [newTraceparent(), newTraceparent(), newTraceparent()];
    const { spans } = await run(...causes);
    const runs = causes.map((cause) => spans.find(({ name, traceId }) => name === 'run job' && traceId === traceIdOf(cause))!);
    const batch = spans.filter(({ name }) => name === 'run batch');
    expect(batch).toMatchObject([{ parentSpanId: runs[0]!.spanId, links: [{ spanId: runs[1]!.spanId }, { spanId: runs[2]!.spanId }] }]);
    expect(runs.slice(1).map(({ links = [] }) => links.map(({ spanId }) => spanId))).toEqual([[batch[0]!.spanId], [batch[0]!.spanId]]);
  });

  it('leaves each job in its own trace where its outputs are stored', async () => {
    const causes = [newTraceparent(), newTraceparent()];
    const { storedIn } = await run(...causes);
    expect([storedIn.get('job-0'), storedIn.get('job-1')].map((traceparent) => traceIdOf(traceparent ?? ''))).toEqual(
      causes.map(traceIdOf),
    );
  });

  it('leaves no spans of jobs that are in no trace', async () => {
    const { storedIn } = await run(newTraceparent().replace(/01$/, '00'), '');
    expect(storedIn.get('job-1')).toBeUndefined();
  });
});
