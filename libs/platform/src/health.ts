export type Outcome = 'ok' | 'failed';
export type Probe = () => Promise<unknown>;

/** A server that takes longer counts as unreachable. */
const deadlineMs = 2_000;
/** Each server is probed at most once in this time, however many requests ask. */
const freshMs = 1_000;

/** Whether what a process needs is reachable: one probe for each dependency, all in parallel. Modules add what they need beyond the ports. */
export class HealthChecks {
  readonly #probes: Map<string, Probe>;
  #last: { readonly atMs: number; readonly outcomes: Promise<Record<string, Outcome>> } | undefined;

  constructor(probes: Readonly<Record<string, Probe>> = {}) {
    this.#probes = new Map(Object.entries(probes));
  }

  /** The probe rejects when its dependency is not reachable. */
  add(name: string, probe: Probe): void {
    this.#probes.set(name, probe);
    this.#last = undefined;
  }

  check(): Promise<Record<string, Outcome>> {
    const nowMs = performance.now();
    if (this.#last === undefined || nowMs - this.#last.atMs > freshMs) this.#last = { atMs: nowMs, outcomes: this.#look() };
    return this.#last.outcomes;
  }

  async #look(): Promise<Record<string, Outcome>> {
    return Object.fromEntries(await Promise.all([...this.#probes].map(async ([name, probe]) => [name, await outcomeOf(probe)] as const)));
  }
}

async function outcomeOf(probe: Probe): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => (timer = setTimeout(() => resolve('failed'), deadlineMs)));
  const looking = Promise.resolve().then(probe).then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
  return Promise.race([looking, late]).finally(() => clearTimeout(timer));
}

export type Readiness = { readonly status: 'ok' | 'not_ready'; readonly checks: Readonly<Record<string, Outcome>> };

export async function readinessOf(health: HealthChecks): Promise<Readiness> {
  const checks = await health.check();
  return { status: Object.values(checks).every((check) => check === 'ok') ? 'ok' : 'not_ready', checks };
}
