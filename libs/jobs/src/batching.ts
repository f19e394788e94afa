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

export type WorkerCapacity = { readonly modelIds: readonly string[]; readonly jobsMax: number; readonly imagesMax: number };

/**
 * The head and those behind it that can share its batch. `heads` come in the order of their tags, so the first that the worker can run is always taken, and nothing
 * overtakes it; a job is overtaken only by jobs whose tags lie within the deficit. A job on its second attempt runs alone: if it brought a worker down, it shall not take others along.
 */
export function pickBatch<C extends object>(heads: readonly C[], candidateOf: (head: C) => Candidate, capacity: WorkerCapacity): C[] {
  const leader = heads.find((head) => capacity.modelIds.includes(candidateOf(head).modelId));
  if (leader === undefined) return [];
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
