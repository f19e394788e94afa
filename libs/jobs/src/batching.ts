/** How far, in GPU-seconds of virtual time, a job may stand behind the head and still run with it in one batch: the bound on how much affinity reorders. */
export const affinityDeficitGpuSeconds = 10;

/** What batching must know of a queued job. */
export type Candidate = {
  readonly kind: string;
  readonly modelId: string;
  /** Jobs of one kind and model with the same affinity can run as one batch; with an empty one a job runs alone. */
  readonly affinity: string;
  readonly units: number;
  readonly tag: number;
  readonly attempt: number;
};

export type WorkerCapacity = {
  /** Kinds of jobs that the worker has a runner for. */
  readonly kinds: readonly string[];
  readonly modelIds: readonly string[];
  readonly jobsMax: number;
  readonly unitsMax: number;
  /** Models that the worker need not load first. */
  readonly warmModelIds?: readonly string[];
};

/**
 * The leader and those behind it that can share its batch. `heads` come in the order of their tags, so the first that the worker can run leads, unless it may be overtaken by
 * one whose model is warm; jobs are overtaken only by jobs whose tags lie within the deficit. A job on its second attempt runs alone: if it brought a worker down, it shall not take others along.
 */
export function pickBatch<C extends object>(
  heads: readonly C[],
  candidateOf: (head: C) => Candidate,
  capacity: WorkerCapacity,
  mayBeOvertaken: (head: C) => boolean = () => false,
): C[] {
  const first = firstRunnable(heads, candidateOf, capacity);
  if (first === undefined) return [];
  const leader = (mayBeOvertaken(first) ? firstWarm(heads, candidateOf, candidateOf(first), capacity) : undefined) ?? first;
  return batchAround(leader, heads, candidateOf, capacity);
}

export function firstRunnable<C extends object>(
  heads: readonly C[],
  candidateOf: (head: C) => Candidate,
  capacity: WorkerCapacity,
): C | undefined {
  return heads.find((head) => canRun(capacity, candidateOf(head)));
}

export const canRun = ({ kinds, modelIds }: WorkerCapacity, { kind, modelId }: Pick<Candidate, 'kind' | 'modelId'>): boolean =>
  kinds.includes(kind) && modelIds.includes(modelId);

/** None when the first is warm itself, has lost a worker, or no warm one is near enough. */
function firstWarm<C extends object>(
  heads: readonly C[],
  candidateOf: (head: C) => Candidate,
  first: Candidate,
  capacity: WorkerCapacity,
): C | undefined {
  const { warmModelIds = [] } = capacity;
  if (first.attempt > 1 || warmModelIds.includes(first.modelId)) return undefined;
  return heads.find((head) => {
    const candidate = candidateOf(head);
    return (
      candidate.attempt === 1 &&
      candidate.tag <= first.tag + affinityDeficitGpuSeconds &&
      warmModelIds.includes(candidate.modelId) &&
      canRun(capacity, candidate)
    );
  });
}

function batchAround<C extends object>(leader: C, heads: readonly C[], candidateOf: (head: C) => Candidate, capacity: WorkerCapacity): C[] {
  const first = candidateOf(leader);
  const batch = [leader];
  if (first.attempt > 1 || first.affinity === '') return batch;
  let units = first.units;
  for (const head of heads) {
    if (batch.length >= capacity.jobsMax || units >= capacity.unitsMax) break;
    const candidate = candidateOf(head);
    if (candidate.tag > first.tag + affinityDeficitGpuSeconds) break;
    const isAlike = candidate.kind === first.kind && candidate.modelId === first.modelId && candidate.affinity === first.affinity;
    const fits = head !== leader && candidate.attempt === 1 && isAlike && units + candidate.units <= capacity.unitsMax;
    if (!fits) continue;
    batch.push(head);
    units += candidate.units;
  }
  return batch;
}
