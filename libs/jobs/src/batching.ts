/** How far, in GPU-seconds of virtual time, a job may stand behind the head and still run with it in one batch: the bound on how much affinity reorders. */
export const affinityDeficitGpuSeconds = 10;

/** What batching must know of a queued job. */
export type Candidate = {
  readonly modelId: string;
  /** Jobs with the same affinity can run as one batch. */
  readonly affinity: string;
  readonly images: number;
  readonly tag: number;
  readonly attempt: number;
};

export type WorkerCapacity = {
  readonly modelIds: readonly string[];
  readonly jobsMax: number;
  readonly imagesMax: number;
  /** Models that the worker need not load first. */
  readonly warmModelIds?: readonly string[];
};

/**
 * The leader and those behind it that can share its batch. `heads` come in the order of their tags, so the first that the worker can run leads, unless it may be overtaken by
 * one whose model is warm; jobs are overtaken only by jobs whose tags lie within the deficit. A job on its second attempt runs alone: if it brought a worker down, it shall not take others along.
 */
export function pickBatch<C extends object>(heads: readonly C[], candidateOf: (head: C) => Candidate, capacity: WorkerCapacity, mayBeOvertaken: (head: C) => boolean = () => false): C[] {
  const first = firstRunnable(heads, candidateOf, capacity);
  if (first === undefined) return [];
  const leader = (mayBeOvertaken(first) ? firstWarm(heads, candidateOf, candidateOf(first), capacity) : undefined) ?? first;
  return batchAround(leader, heads, candidateOf, capacity);
}

export function firstRunnable<C extends object>(heads: readonly C[], candidateOf: (head: C) => Candidate, { modelIds }: WorkerCapacity): C | undefined {
  return heads.find((head) => modelIds.includes(candidateOf(head).modelId));
}

/** None when the first is warm itself, has lost a worker, or no warm one is near enough. */
function firstWarm<C extends object>(heads: readonly C[], candidateOf: (head: C) => Candidate, first: Candidate, { modelIds, warmModelIds = [] }: WorkerCapacity): C | undefined {
  if (first.attempt > 1 || warmModelIds.includes(first.modelId)) return undefined;
  return heads.find((head) => {
    const { modelId, tag, attempt } = candidateOf(head);
    return attempt === 1 && tag <= first.tag + affinityDeficitGpuSeconds && warmModelIds.includes(modelId) && modelIds.includes(modelId);
  });
}

function batchAround<C extends object>(leader: C, heads: readonly C[], candidateOf: (head: C) => Candidate, capacity: WorkerCapacity): C[] {
  const first = candidateOf(leader);
  const batch = [leader];
  if (first.attempt > 1) return batch;
  let images = first.images;
  for (const head of heads) {
    if (batch.length >= capacity.jobsMax || images >= capacity.imagesMax) break;
    const candidate = candidateOf(head);
    if (candidate.tag > first.tag + affinityDeficitGpuSeconds) break;
    const fits = head !== leader && candidate.attempt === 1 && candidate.modelId === first.modelId && candidate.affinity === first.affinity && images + candidate.images <= capacity.imagesMax;
    if (!fits) continue;
    batch.push(head);
    images += candidate.images;
  }
  return batch;
}
