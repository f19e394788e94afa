import { describe, expect, it } from '@jest/globals';
import { jobHops, generateTraced, tracing } from './job-trace.js';
import { profiles } from './profiles.js';
import { complaintsAbout, readSpans } from './trace-file.js';

const cluster = Object.entries(profiles).find(([name]) => name.includes('Kafka'));

describe('the trace of a job, over five processes and a broker', () => {
  it('has every step below the one that caused it, in the process that took it', async () => {
    let traceId = '';
    const file = await tracing(cluster![1], async (client) => {
      traceId = await generateTraced(client);
    });
    const spans = (await readSpans(file)).filter((span) => span.traceId === traceId);
    expect(
      complaintsAbout(
        spans,
        jobHops({
          relay: true,
          services: ['tessera-gateway', 'tessera-generation', 'tessera-jobs', 'tessera-billing', 'tessera-storage', 'tessera-worker'],
        }),
      ),
    ).toEqual([]);
  }, 240_000);
});
