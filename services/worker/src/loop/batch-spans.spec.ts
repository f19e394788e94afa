import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LeaseSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { openEngine } from '@tessera/inference/open-engine.js';
import { createLogger } from '@tessera/platform/logger.js';
import { telemetrySettings } from '@tessera/platform/telemetry/settings.js';
import { startTelemetry, type Telemetry } from '@tessera/platform/telemetry/start-telemetry.js';
import { currentTraceparent, newTraceparent, spanIdOf, traceIdOf } from '@tessera/platform/trace.js';
import { BatchRun } from './batch-run.js';
import { DeviceTime } from './device-time.js';
import { Slots } from './slots.js';

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

  /** Paints jobs of these traces as one batch; answers the spans, and the contexts in which each job was stored. */
  async function paint(...traceparents: string[]): Promise<{ spans: Span[]; storedIn: Map<string, string | undefined> }> {
    const engine = await openEngine({ engine: 'noop', threads: 1, logger });
    const { models } = await engine.describe();
    const request = { prompt: 'apple', modelId: models[0]!.modelId, widthPx: 512, heightPx: 512, steps: 2, guidanceScale: 7, images: 1, style: 'NONE' };
    const leases = traceparents.map((traceparent, at) => create(LeaseSchema, { job: { jobId: `job-${at}`, accountId: 'ann', request }, leaseId: `lease-${at}`, imageIds: [`image-${at}`], traceparent }));
    const storedIn = new Map<string, string | undefined>();
    const pictures = {
      putAssets: async ({ jobId = '', assets = [] }: { jobId?: string; assets?: readonly { assetId?: string; index?: number }[] }) => {
        storedIn.set(jobId, currentTraceparent());
        return { assets: assets.map(({ assetId, index }) => ({ assetId, index, widthPx: 8, heightPx: 8, contentType: 'image/png', sizeBytes: 1n, sha256: '' })) };
      },
    };
    const worker = { heartbeat: async () => ({ stopJobIds: [] }), complete: async () => ({}) };
    const tools = { workerId: 'worker', worker, pictures, engine, logger, painting: new Slots(1), device: new DeviceTime(), previewEverySteps: 0, modelVersions: new Map() };
    await new BatchRun(leases, tools as never).finished();
    await engine.close();
    await telemetry.close();
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    return { spans: lines.flatMap((line) => (JSON.parse(line) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))), storedIn };
  }

  it('stands below its only job', async () => {
    const cause = newTraceparent();
    const { spans } = await paint(cause);
    const run = spans.find(({ name }) => name === 'run job');
    expect(run).toMatchObject({ traceId: traceIdOf(cause), parentSpanId: spanIdOf(cause) });
    expect(spans.find(({ name }) => name === 'paint batch')).toMatchObject({ traceId: traceIdOf(cause), parentSpanId: run?.spanId });
  });

  it('stands below the first of several and links to the others, which link back', async () => {
    const causes = [newTraceparent(), newTraceparent(), newTraceparent()];
    const { spans } = await paint(...causes);
    const runs = causes.map((cause) => spans.find(({ name, traceId }) => name === 'run job' && traceId === traceIdOf(cause))!);
    const batch = spans.filter(({ name }) => name === 'paint batch');
    expect(batch).toMatchObject([{ parentSpanId: runs[0]!.spanId, links: [{ spanId: runs[1]!.spanId }, { spanId: runs[2]!.spanId }] }]);
    expect(runs.slice(1).map(({ links = [] }) => links.map(({ spanId }) => spanId))).toEqual([[batch[0]!.spanId], [batch[0]!.spanId]]);
  });

  it('leaves each job in its own trace where its pictures are stored', async () => {
    const causes = [newTraceparent(), newTraceparent()];
    const { storedIn } = await paint(...causes);
    expect([storedIn.get('job-0'), storedIn.get('job-1')].map((traceparent) => traceIdOf(traceparent ?? ''))).toEqual(causes.map(traceIdOf));
  });

  it('leaves no spans of jobs that are in no trace', async () => {
    const { storedIn } = await paint(newTraceparent().replace(/01$/, '00'), '');
    expect(storedIn.get('job-1')).toBeUndefined();
  });
});
