import type { Collection, CollectionSpec, Documents, Page, Stored, Write } from '@tessera/documents/documents.js';
import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import type { JobLife } from './job-life.js';
import type { Lane } from './lanes.js';

/** What the queue must know of a job's work; it never changes. */
export type Work = {
  readonly kind: string;
  readonly pool: string;
  readonly modelId: string;
  /** Jobs of one kind and model with the same affinity can run as one batch; with an empty one a job runs alone. */
  readonly affinity: string;
  /** What the job delivers and is priced by: pictures, training steps, frames. */
  readonly units: number;
  /** Size of the whole work in a measure in which GPU-seconds grow evenly, for example steps times megapixels times pictures. */
  readonly size: number;
  readonly gpuSecondsEstimated: number;
};

/** What a kind allows its jobs beyond the defaults of `job-life.ts`. */
export type Terms = { readonly leaseMs?: number; readonly attemptsMax?: number };

export type JobRecord<P> = {
  readonly accountId: string;
  readonly createdMs: number;
  readonly work: Work;
  readonly terms?: Terms;
  readonly life: JobLife;
  /** When `life` last came to another state; a lease that is renewed changes nothing. */
  readonly changedMs: number;
  readonly traceparent?: string;
  /** What the owning service keeps of it. */
  readonly payload: P;
};

export type StoredJob<P> = Stored<JobRecord<P>>;

/** The fields that make a job findable, each present only while the job is in the state that needs it: an index is never larger than what it is for. */
type IndexFields = {
  /** Pool and lane of a job that waits where workers see it; pool and `running` of one that a worker holds. */
  readonly queueKey?: string;
  readonly queueTag?: number;
  /** Holds one of its account's places among the running. */
  readonly slotOf?: string;
  readonly slotState?: 'waiting' | 'running';
  readonly parkedOf?: string;
  readonly parkedMs?: number;
  /** When the sweeper must look at it. */
  readonly dueMs?: number;
};
export type JobDocument<P> = JobRecord<P> & IndexFields;

/** Jobs read at most when a lane's head or the due ones are looked at: the cost of a claim does not grow with the queue. */
const windowMax = 64;

export type JobCollection = Pick<CollectionSpec, 'name' | 'version' | 'migrations'>;

const jobCollection = (collection: JobCollection): CollectionSpec => ({
  ...collection,
  indexes: [
    { name: 'account', fields: ['accountId', 'createdMs'] },
    { name: 'changes', fields: ['accountId', 'changedMs'] },
    { name: 'queue', fields: ['queueKey', 'queueTag'] },
    { name: 'slots', fields: ['slotOf', 'slotState', 'queueTag'] },
    { name: 'parked', fields: ['parkedOf', 'parkedMs'] },
    { name: 'due', fields: ['dueMs'] },
  ],
});

export const queueKeyOf = (pool: string, lane: Lane | 'running'): string => `${pool}/${lane}`;

function indexFieldsOf({ accountId, work, life }: JobRecord<unknown>): IndexFields {
  switch (life.state) {
    case 'accepted':
      return { dueMs: life.resumeMs };
    case 'queued':
      if (life.isParked) return { parkedOf: accountId, parkedMs: life.enqueuedMs, dueMs: life.startDeadlineMs };
      return {
        queueKey: queueKeyOf(work.pool, life.lane),
        queueTag: life.tag,
        slotOf: accountId,
        slotState: 'waiting',
        dueMs: life.startDeadlineMs,
      };
    case 'running':
      return {
        queueKey: queueKeyOf(work.pool, 'running'),
        slotOf: accountId,
        slotState: 'running',
        queueTag: life.tag,
        dueMs: life.lease.expiresMs,
      };
    default:
      return {};
  }
}

const toDocument = <P>({ accountId, createdMs, work, terms, life, changedMs, traceparent, payload }: JobRecord<P>): JobDocument<P> => {
  const record: JobRecord<P> = {
    accountId,
    createdMs,
    work,
    life,
    changedMs,
    payload,
    ...(terms === undefined ? {} : { terms }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return { ...record, ...indexFieldsOf(record) };
};

export type TagRange = { readonly gte: number; readonly lt: number } | { readonly gte: number; readonly lte: number };

export type Waiting = {
  readonly waiting: number;
  readonly running: number;
  readonly parked: number;
  readonly lastWaiting?: StoredJob<unknown>;
};

/** The only file that knows how the queue's side of a job is stored. */
export class JobStore<P extends object> {
  readonly #jobs: Collection<JobDocument<P>>;

  constructor(
    private readonly documents: Documents,
    collection: JobCollection,
  ) {
    this.#jobs = documents.collection<JobDocument<P>>(jobCollection(collection));
  }

  get(jobId: string): Promise<StoredJob<P> | undefined> {
    return this.#jobs.get(jobId);
  }

  getMany(jobIds: readonly string[]): Promise<StoredJob<P>[]> {
    return this.#jobs.getMany(jobIds);
  }

  insertion(jobId: string, record: JobRecord<P>): Write {
    return this.#jobs.insert(jobId, toDocument(record));
  }

  /** The write, and the job as it will stand when the write has been committed. */
  change(current: StoredJob<P>, record: JobRecord<P>): { write: Write; stored: StoredJob<P> } {
    return {
      write: this.#jobs.replace(current, toDocument(record)),
      stored: { id: current.id, revision: current.revision + 1, value: record },
    };
  }

  removal(current: StoredJob<P>): Write {
    return this.#jobs.remove(current);
  }

  commit(writes: readonly Write[], events: readonly OutgoingEvent[] = []): Promise<void> {
    return this.documents.commit(writes, events);
  }

  /** First in the lane, at most `limit`. */
  async heads(pool: string, lane: Lane, limit: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({
      where: { queueKey: queueKeyOf(pool, lane) },
      sort: [['queueTag', 'asc']],
      limit: Math.min(limit, windowMax),
    });
    return page.items;
  }

  /** A lane from its front: first `limit` jobs, then larger pages. Jobs with the same tag come in the order of their ids. */
  async *headPages(pool: string, lane: Lane, limit: number): AsyncIterable<readonly StoredJob<P>[]> {
    let after: string | undefined;
    do {
      const size = after === undefined ? Math.min(limit, windowMax) : windowMax;
      const page = await this.#jobs.find({
        where: { queueKey: queueKeyOf(pool, lane) },
        sort: [['queueTag', 'asc']],
        limit: size,
        ...(after === undefined ? {} : { after }),
      });
      yield page.items;
      after = page.next;
    } while (after !== undefined);
  }

  /** Jobs of a lane with tags in the range, at most `limit`, in the order of their tags. */
  async between(pool: string, lane: Lane, tags: TagRange, limit: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({
      where: { queueKey: queueKeyOf(pool, lane), queueTag: tags },
      sort: [['queueTag', 'asc']],
      limit: Math.min(limit, windowMax),
    });
    return page.items;
  }

  countBetween(pool: string, lane: Lane, tags: TagRange, upTo: number): Promise<number> {
    return this.#jobs.count({ queueKey: queueKeyOf(pool, lane), queueTag: tags }, upTo);
  }

  async lastTag(pool: string, lane: Lane): Promise<number | undefined> {
    const page = await this.#jobs.find({ where: { queueKey: queueKeyOf(pool, lane) }, sort: [['queueTag', 'desc']], limit: 1 });
    const life = page.items[0]?.value.life;
    return life?.state === 'queued' ? life.tag : undefined;
  }

  /** Of what the workers of a pool hold, that with the highest tags. */
  async lastRunning(pool: string, limit: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({ where: { queueKey: queueKeyOf(pool, 'running') }, sort: [['queueTag', 'desc']], limit });
    return page.items;
  }

  /** What the workers of a pool hold, at most `limit`. */
  async running(pool: string, limit: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({ where: { queueKey: queueKeyOf(pool, 'running') }, sort: [['queueTag', 'asc']], limit });
    return page.items;
  }

  /** All that the workers of a pool hold, page by page. */
  async *allRunning(pool: string): AsyncIterable<StoredJob<P>> {
    let after: string | undefined;
    do {
      const page = await this.#jobs.find({
        where: { queueKey: queueKeyOf(pool, 'running') },
        sort: [['queueTag', 'asc']],
        limit: windowMax,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  countAhead(pool: string, lane: Lane, tag: number, upTo: number): Promise<number> {
    return this.#jobs.count({ queueKey: queueKeyOf(pool, lane), queueTag: { lt: tag } }, upTo);
  }

  /** `running` counts what workers hold. */
  countInLane(pool: string, lane: Lane | 'running', upTo: number): Promise<number> {
    return this.#jobs.count({ queueKey: queueKeyOf(pool, lane) }, upTo);
  }

  countParked(upTo: number): Promise<number> {
    return this.#jobs.count({ parkedOf: { gte: '' } }, upTo);
  }

  /** Each number counted up to `upTo`. */
  async loadOf(accountId: string, upTo: number): Promise<Waiting> {
    const [waiting, running, parked, last] = await Promise.all([
      this.#jobs.count({ slotOf: accountId, slotState: 'waiting' }, upTo),
      this.#jobs.count({ slotOf: accountId, slotState: 'running' }, upTo),
      this.#jobs.count({ parkedOf: accountId }, upTo),
      this.#jobs.find({ where: { slotOf: accountId, slotState: 'waiting' }, sort: [['queueTag', 'desc']], limit: 1 }),
    ]);
    const [lastWaiting] = last.items;
    return { waiting, running, parked, ...(lastWaiting ? { lastWaiting } : {}) };
  }

  async firstParked(accountId: string, limit: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({ where: { parkedOf: accountId }, sort: [['parkedMs', 'asc']], limit: Math.min(limit, windowMax) });
    return page.items;
  }

  /** The next account, in the order of ids, that has parked jobs. */
  async parkedAccountAfter(accountId: string): Promise<string | undefined> {
    const page = await this.#jobs.find({ where: { parkedOf: { gt: accountId } }, sort: [['parkedOf', 'asc']], limit: 1 });
    return page.items[0]?.value.accountId;
  }

  async due(nowMs: number): Promise<readonly StoredJob<P>[]> {
    const page = await this.#jobs.find({ where: { dueMs: { lte: nowMs } }, sort: [['dueMs', 'asc']], limit: windowMax });
    return page.items;
  }

  async nextDueMs(): Promise<number | undefined> {
    const page = await this.#jobs.find({ where: { dueMs: { gte: 0 } }, sort: [['dueMs', 'asc']], limit: 1 });
    const [first] = page.items;
    return first && indexFieldsOf(first.value).dueMs;
  }

  /** Jobs with a due time up to `dueMs`, page by page, without regard to what they are due for. */
  async *dueUntil(dueMs: number): AsyncIterable<StoredJob<P>> {
    let after: string | undefined;
    do {
      const page = await this.#jobs.find({
        where: { dueMs: { lte: dueMs } },
        sort: [['dueMs', 'asc']],
        limit: windowMax,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  /** Oldest first; `after` is the `next` of the page before. */
  async pageOf(accountId: string, limit: number, after?: string): Promise<Page<JobDocument<P>>> {
    return this.#jobs.find({ where: { accountId }, sort: [['createdMs', 'asc']], limit, ...(after === undefined ? {} : { after }) });
  }

  /** Newest first; either so many are skipped, or `after` is the `next` of the page before. */
  newestOf(
    accountId: string,
    limit: number,
    from: { readonly offset?: number; readonly after?: string } = {},
  ): Promise<Page<JobDocument<P>>> {
    return this.#jobs.find({ where: { accountId }, sort: [['createdMs', 'desc']], limit, ...from });
  }

  /** Jobs of an account that came to another state at or after that time, in the order in which they did; `after` is the `next` of the page before. */
  changedSince(accountId: string, changedMs: number, limit: number, after?: string): Promise<Page<JobDocument<P>>> {
    return this.#jobs.find({
      where: { accountId, changedMs: { gte: changedMs } },
      sort: [['changedMs', 'asc']],
      limit,
      ...(after === undefined ? {} : { after }),
    });
  }
}
