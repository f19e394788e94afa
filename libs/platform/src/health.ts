export type Outcome = 'ok' | 'failed';
export type Probe = () => Promise<unknown>;

/** A server that takes longer counts as unreachable. */
const deadlineMs = 2_000;
/** Each server is probed at most once in this time, however many requests ask. */
const freshMs = 1_000;

/**
 * Whether a process would find what it needs: one probe for each thing, all side by side. Modules add what they need beyond the ports. What a process can do without is
 * looked at and told as well, but takes no traffic away: a server that all share would take every process at once.
 */
export class HealthChecks {
  readonly #probes: Map<string, Probe>;
  readonly #dispensable: ReadonlySet<string>;
  #last: { readonly atMs: number; readonly outcomes: Promise<Record<string, Outcome>> } | undefined;

  constructor(needed: Readonly<Record<string, Probe>> = {}, dispensable: Readonly<Record<string, Probe>> = {}) {
    this.#probes = new Map(Object.entries({ ...needed, ...dispensable }));
    this.#dispensable = new Set(Object.keys(dispensable));
  }

  /** The probe rejects when its dependency is not reachable. */
  add(name: string, probe: Probe): void {
    this.#probes.set(name, probe);
    this.#last = undefined;
  }

  isNeeded(name: string): boolean {
    return !this.#dispensable.has(name);
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
  const looking = Promise.resolve()
    .then(probe)
    .then(
      () => 'ok' as const,
      () => 'failed' as const,
    );
  return Promise.race([looking, late]).finally(() => clearTimeout(timer));
}

/** `degraded`: everything that is needed answers, something that helps does not. */
export type Readiness = { readonly status: 'ok' | 'degraded' | 'not_ready'; readonly checks: Readonly<Record<string, Outcome>> };

export async function readinessOf(health: HealthChecks): Promise<Readiness> {
  const checks = await health.check();
  const failed = Object.keys(checks).filter((name) => checks[name] !== 'ok');
  if (failed.some((name) => health.isNeeded(name))) return { status: 'not_ready', checks };
  return { status: failed.length > 0 ? 'degraded' : 'ok', checks };
}
