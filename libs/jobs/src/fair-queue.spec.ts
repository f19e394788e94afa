import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { affinityDeficitGpuSeconds, pickBatch, type Candidate } from './batching.js';
import { FairQueue } from './fair-queue.js';
import { laneWeights, lanes, type Lane } from './lanes.js';
import { Overtaking } from './overtaking.js';

type QueuedJob = Candidate & { readonly lane: Lane; readonly accountId: string; readonly estimated: number; readonly actual: number };
type Offer = {
  readonly lane: Lane;
  readonly accountId: string;
  readonly estimated: number;
  readonly actual: number;
  readonly affinity?: string;
};

/** One GPU and its queue in virtual time: no clock, no store. */
class Simulation {
  readonly fair = new FairQueue();
  readonly queues = new Map<Lane, QueuedJob[]>(lanes.map((lane) => [lane, []]));
  readonly servedSeconds = new Map<string, number>();
  readonly laneSeconds = new Map<Lane, number>();
  readonly served: QueuedJob[] = [];

  offer({ affinity = 'same', ...job }: Offer): void {
    const queue = this.queues.get(job.lane)!;
    queue.push({
      ...job,
      kind: 'image',
      affinity,
      modelId: 'model',
      units: 1,
      attempt: 1,
      tag: this.fair.tag(job.lane, job.accountId, job.estimated),
    });
    queue.sort((a, b) => a.tag - b.tag);
  }

  get backlogged(): Lane[] {
    return lanes.filter((lane) => this.queues.get(lane)!.length > 0);
  }

  /** Serves one batch; answers nothing when there was nothing to do. */
  serve(jobsMax = 1): QueuedJob[] {
    const [lane] = this.fair.order(this.backlogged);
    if (!lane) return [];
    const queue = this.queues.get(lane)!;
    const batch = pickBatch(queue, (job) => job, { kinds: ['image'], modelIds: ['model'], jobsMax, unitsMax: 64 });
    this.queues.set(
      lane,
      queue.filter((job) => !batch.includes(job)),
    );
    for (const job of batch) {
      this.fair.served(lane, job.tag, job.estimated);
      this.fair.measured(lane, job.accountId, job.estimated, job.actual);
      this.servedSeconds.set(job.accountId, (this.servedSeconds.get(job.accountId) ?? 0) + job.actual);
      this.laneSeconds.set(lane, (this.laneSeconds.get(lane) ?? 0) + job.actual);
      this.served.push(job);
    }
    return batch;
  }

  secondsOf(accountId: string): number {
    return this.servedSeconds.get(accountId) ?? 0;
  }
}

const longest = 8;
const cost = fc.double({ min: 0.1, max: longest, noNaN: true });

describe('fair queueing', () => {
  it('gives two backlogged accounts the same GPU-seconds, whatever their jobs cost', () => {
    fc.assert(
      fc.property(fc.array(cost, { minLength: 40, maxLength: 120 }), fc.array(cost, { minLength: 40, maxLength: 120 }), (a, b) => {
        const simulation = new Simulation();
        for (const seconds of a) simulation.offer({ lane: 'fast', accountId: 'a', estimated: seconds, actual: seconds });
        for (const seconds of b) simulation.offer({ lane: 'fast', accountId: 'b', estimated: seconds, actual: seconds });
        const isBacklogged = (accountId: string) => simulation.queues.get('fast')!.some((job) => job.accountId === accountId);
        while (isBacklogged('a') && isBacklogged('b')) {
          simulation.serve();
          // The bound of Goyal et al., theorem 1: the longest job of each.
          expect(Math.abs(simulation.secondsOf('a') - simulation.secondsOf('b'))).toBeLessThanOrEqual(2 * longest + 1e-6);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('charges what was measured: an account whose jobs take longer than thought gets no more than its share', () => {
    const simulation = new Simulation();
    for (let round = 0; round < 400; round++) {
      if (!simulation.queues.get('fast')!.some((job) => job.accountId === 'heavy'))
        simulation.offer({ lane: 'fast', accountId: 'heavy', estimated: 1, actual: 5 });
      if (!simulation.queues.get('fast')!.some((job) => job.accountId === 'light'))
        simulation.offer({ lane: 'fast', accountId: 'light', estimated: 1, actual: 1 });
      simulation.serve();
    }
    expect(simulation.secondsOf('heavy') / simulation.secondsOf('light')).toBeCloseTo(1, 1);
  });

  it('gives no credit for idle time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), cost, (rounds, seconds) => {
        const simulation = new Simulation();
        for (let round = 0; round < rounds + 60; round++)
          simulation.offer({ lane: 'fast', accountId: 'busy', estimated: seconds, actual: seconds });
        for (let round = 0; round < rounds; round++) simulation.serve();
        const before = simulation.secondsOf('busy');
        for (let round = 0; round < 60; round++) simulation.offer({ lane: 'fast', accountId: 'late', estimated: seconds, actual: seconds });
        for (let round = 0; round < 60; round++) simulation.serve();
        expect(Math.abs(simulation.secondsOf('late') - (simulation.secondsOf('busy') - before))).toBeLessThanOrEqual(2 * seconds + 1e-6);
      }),
      { numRuns: 100 },
    );
  });

  it('bounds every lane share below while all are backlogged', () => {
    fc.assert(
      fc.property(fc.record({ priority: cost, fast: cost, relaxed: cost }), (seconds) => {
        const simulation = new Simulation();
        const total = Object.values(laneWeights).reduce((sum, weight) => sum + weight, 0);
        for (let round = 0; round < 600; round++) {
          for (const lane of lanes)
            if (simulation.queues.get(lane)!.length === 0)
              simulation.offer({ lane, accountId: lane, estimated: seconds[lane], actual: seconds[lane] });
          simulation.serve();
        }
        const all = [...simulation.laneSeconds.values()].reduce((sum, laneSeconds) => sum + laneSeconds, 0);
        for (const lane of lanes) {
          const fairSeconds = (all * laneWeights[lane]) / total;
          expect(simulation.laneSeconds.get(lane) ?? 0).toBeGreaterThanOrEqual(fairSeconds - lanes.length * longest);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('never idles while a job waits, and serves every job exactly once', () => {
    const offer = fc.record({
      lane: fc.constantFrom(...lanes),
      accountId: fc.constantFrom('a', 'b', 'c'),
      estimated: cost,
      actual: cost,
      affinity: fc.constantFrom('x', 'y'),
    });
    const step = fc.oneof(offer, fc.constant('serve' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 6 }), (script, jobsMax) => {
        const simulation = new Simulation();
        let offered = 0;
        for (const what of script) {
          const hadWork = simulation.backlogged.length > 0;
          if (what === 'serve') expect(simulation.serve(jobsMax).length > 0).toBe(hadWork);
          else offered += (simulation.offer(what), 1);
        }
        while (simulation.serve(jobsMax).length > 0);
        expect(simulation.served).toHaveLength(offered);
        expect(new Set(simulation.served).size).toBe(offered);
      }),
      { numRuns: 300 },
    );
  });

  it('lets affinity overtake only within the deficit', () => {
    const job = fc.record({ accountId: fc.constantFrom('a', 'b', 'c', 'd'), estimated: cost, affinity: fc.constantFrom('x', 'y') });
    fc.assert(
      fc.property(fc.array(job, { minLength: 2, maxLength: 80 }), (jobs) => {
        const simulation = new Simulation();
        for (const one of jobs) simulation.offer({ lane: 'fast', ...one, actual: one.estimated });
        for (let batch = simulation.serve(8); batch.length > 0; batch = simulation.serve(8)) {
          const [left] = simulation.queues.get('fast')!;
          for (const served of batch) if (left) expect(served.tag).toBeLessThanOrEqual(left.tag + affinityDeficitGpuSeconds);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the jobs of one account in their order', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ estimated: cost, actual: cost, servesFirst: fc.boolean() }), { maxLength: 60 }), (jobs) => {
        const simulation = new Simulation();
        const tags: number[] = [];
        for (const { servesFirst, ...job } of jobs) {
          if (servesFirst) simulation.serve();
          simulation.offer({ lane: 'fast', accountId: 'a', ...job });
          tags.push(simulation.fair.tag('fast', 'a', 0));
        }
        expect(tags).toEqual([...tags].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a batch', () => {
  const candidate = (tag: number, more: Partial<Candidate> = {}): Candidate => ({
    kind: 'image',
    modelId: 'model',
    affinity: 'x',
    units: 1,
    tag,
    attempt: 1,
    ...more,
  });
  const capacity = { kinds: ['image'], modelIds: ['model'], jobsMax: 4, unitsMax: 8 };
  const pick = (heads: Candidate[]) => pickBatch(heads, (head) => head, capacity);

  it('starts with the head, and takes a head with more pictures than the worker asked for', () => {
    expect(pick([candidate(1, { units: 20 }), candidate(2)]).map(({ tag }) => tag)).toEqual([1]);
  });

  it('passes over models that the worker does not hold', () => {
    expect(pick([candidate(1, { modelId: 'other' }), candidate(2)]).map(({ tag }) => tag)).toEqual([2]);
  });

  it('leaves a retried job to itself', () => {
    expect(pick([candidate(0, { attempt: 2 }), candidate(1)])).toHaveLength(1);
    expect(pick([candidate(1), candidate(2, { attempt: 2 }), candidate(3)]).map(({ tag }) => tag)).toEqual([1, 3]);
  });

  it('is led by a job whose model is warm, if the head may be overtaken and is near enough', () => {
    const warm = { kinds: ['image'], modelIds: ['cold', 'warm'], jobsMax: 1, unitsMax: 8, warmModelIds: ['warm'] };
    const lead = (mayBeOvertaken: boolean, ...heads: Candidate[]) =>
      pickBatch(
        heads,
        (head) => head,
        warm,
        () => mayBeOvertaken,
      ).map(({ tag }) => tag);
    const cold = candidate(1, { modelId: 'cold' });
    expect(lead(true, cold, candidate(2, { modelId: 'warm' }))).toEqual([2]);
    expect(lead(false, cold, candidate(2, { modelId: 'warm' }))).toEqual([1]);
    expect(lead(true, cold, candidate(1 + affinityDeficitGpuSeconds + 0.1, { modelId: 'warm' }))).toEqual([1]);
    expect(lead(true, { ...cold, attempt: 2 }, candidate(2, { modelId: 'warm' }))).toEqual([1]);
  });

  it('holds no more pictures than the worker asked for', () => {
    expect(pick([candidate(1, { units: 4 }), candidate(2, { units: 5 }), candidate(3, { units: 4 })]).map(({ tag }) => tag)).toEqual([
      1, 3,
    ]);
  });
});

describe('overtaking for the sake of warm models', () => {
  it('passes a cold head by the deficit and one batch at most, however many new accounts come', () => {
    fc.assert(
      fc.property(fc.array(cost, { minLength: 50, maxLength: 200 }), (costs) => {
        const overtaking = new Overtaking();
        let passedSeconds = 0;
        for (const seconds of costs) {
          if (!overtaking.allows('head')) break;
          overtaking.happened('head', seconds);
          passedSeconds += seconds;
        }
        expect(passedSeconds).toBeLessThan(affinityDeficitGpuSeconds + longest);
      }),
    );
  });

  it('begins anew for the next head', () => {
    const overtaking = new Overtaking();
    overtaking.happened('head', affinityDeficitGpuSeconds);
    expect([overtaking.allows('head'), overtaking.allows('next')]).toEqual([false, true]);
    overtaking.served('head');
    expect(overtaking.allows('head')).toBe(true);
  });
});
