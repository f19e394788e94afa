import { Injectable } from '@nestjs/common';
import { JobService, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { merged } from '@tessera/platform/concurrency/merged.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Generations } from '../generations/generations.js';
import { imageKind } from '../generations/image-jobs.js';
import { isFinal } from '../generations/job-states.js';
import { following } from '../http/json-lines.js';
import { Callers } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';
import type { AccountEvent } from './account-event.js';
import { Figures, type FigureChanges } from './figures.js';
import { OpenStreams } from './open-streams.js';

export type WatchOptions = {
  /** Empty: what happens from now on. */
  readonly afterSequence: string;
  readonly hasPreviews: boolean;
  /** As it came with the call: a stream does not outlive its key. */
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
};

/** How long a key that was revoked may still be told things: as long as other processes take to notice. */
const keyCheckEveryMs = 5_000;

/** Everything that happens to an account, in one stream that can be resumed. */
@Injectable()
export class AccountEvents {
  readonly #jobs: RpcClient<typeof JobService>;

  constructor(
    private readonly generations: Generations,
    private readonly figures: Figures,
    private readonly streams: OpenStreams,
    private readonly callers: Callers,
    rpc: Rpc,
  ) {
    this.#jobs = rpc.client(JobService);
  }

  /**
   * What changed since `afterSequence`, then `caughtUp`, then what comes; balance and queue as they are and whenever they change. Nothing that happens after the first event is missed.
   * Ends when the signal aborts; fails when the key is revoked.
   */
  async *watch(caller: Caller, { afterSequence, hasPreviews, authorization, signal }: WatchOptions): AsyncGenerator<AccountEvent> {
    const leave = this.streams.enter(caller.accountId);
    const ending = new AbortController();
    try {
      const ended = AbortSignal.any([signal, ending.signal]);
      const updates = this.#jobs.watch({ accountId: caller.accountId, jobId: '', afterSequence }, { signal: ended });
      const messages = updates[Symbol.asyncIterator]();
      const first = await messages.next();
      const changes = this.figures.changes();
      yield* merged<AccountEvent>(
        [
          (stopped) => {
            stopped.addEventListener('abort', () => ending.abort(), { once: true });
            return this.#jobEvents(caller, following(first, messages), changes, hasPreviews);
          },
          (stopped) => this.figures.balances(caller, changes, stopped),
          (stopped) => this.figures.queues(caller, changes, stopped),
        ],
        ended,
        [(stopped) => this.figures.followSettlements(caller, changes, stopped), (stopped) => this.#untilRevoked(authorization, stopped)],
      );
    } finally {
      ending.abort();
      leave();
    }
  }

  async *#jobEvents(
    caller: Caller,
    messages: AsyncIterable<WatchResponse>,
    changes: FigureChanges,
    hasPreviews: boolean,
  ): AsyncGenerator<AccountEvent> {
    for await (const { sequence, jobId, event } of messages) {
      if (event.case === 'job') {
        changes.jobChanged(jobId, isFinal(event.value.state));
        if (event.value.kind === imageKind)
          yield { kind: 'generation', sequence, generation: await this.generations.linked(caller, event.value) };
      } else if (event.case === 'removed') {
        changes.jobChanged(jobId, false);
        yield { kind: 'removed', sequence, jobId };
      } else if (event.case === 'progress') yield { kind: 'progress', sequence, jobId, progress: event.value };
      else if (event.case === 'preview' && hasPreviews) yield { kind: 'preview', sequence, jobId, preview: event.value };
      else if (event.case === 'caughtUp') yield { kind: 'caughtUp', sequence };
    }
  }

  async #untilRevoked(authorization: string | undefined, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(keyCheckEveryMs, signal);
      if (signal.aborted) return;
      await this.callers.authenticate(authorization);
    }
  }
}
