import { beforeAll, describe, expect, it } from '@jest/globals';
import { jobHops, kinds, generateTraced, tracing } from './job-trace.js';
import { profiles } from './profiles.js';
import { complaintsAbout, readSpans, type TraceSpan } from './trace-file.js';

const clientsTrace = '0af7651916cd43dd8448eb211c80319c';
const clientsSpan = 'b7ad6b7169203331';

describe('the trace of a job, in one process', () => {
  let spans: TraceSpan[];
  let alone = '';
  let answered: string | null = null;
  const named = (name: string, traceId?: string) =>
    spans.filter((span) => span.name === name && (traceId === undefined || span.traceId === traceId));

  beforeAll(async () => {
    const file = await tracing(profiles['one process']!, async (client) => {
      alone = await generateTraced(client);
      answered = (
        await client.call('GET', '/api/rest/v1/account', undefined, { traceparent: `00-${clientsTrace}-${clientsSpan}-01` })
      ).headers.get('x-trace-id');
    });
    spans = await readSpans(file);
  }, 180_000);

  it('has every step below the one that caused it, from the request to the settlement', () => {
    const trace = spans.filter(({ traceId }) => traceId === alone);
    expect(complaintsAbout(trace, jobHops({ relay: false, services: ['tessera'] }))).toEqual([]);
  });

  it('says of each step what kind it is, and of the painting when each step of it was done', () => {
    const kindsOf = (name: string) =>
      named(name, alone)
        .map(({ kind }) => kind)
        .sort();
    expect(kindsOf('POST /api/rest/v1/generations')).toEqual([kinds.server]);
    expect(kindsOf('tessera.billing.v1.BillingService/Reserve')).toEqual([kinds.server, kinds.client]);
    expect(kindsOf('create tessera.jobs.v1.JobFinished')).toEqual([kinds.producer]);
    expect(kindsOf('process tessera.jobs.v1.JobFinished')).toEqual([kinds.consumer, kinds.consumer, kinds.consumer]);
    expect(named('engine denoise', alone)[0]?.events?.map(({ name }) => name)).toEqual(['step', 'step', 'step', 'step']);
  });

  it('is the one that the client began, when it sent its context', () => {
    expect(answered).toBe(clientsTrace);
    expect(named('GET /api/rest/v1/account')).toMatchObject([{ traceId: clientsTrace, parentSpanId: clientsSpan }]);
  });
});
