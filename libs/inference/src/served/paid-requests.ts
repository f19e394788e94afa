import type { repeatCosts } from '@tessera/models/served-manifest.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { cancelled, deadlineExceeded, internal, TesseraError, unavailable } from '@tessera/platform/errors.js';
import { type HttpAnswer, NoAnswer } from './http-call.js';
import type { ServerAccess } from './server-access.js';
import { saidIn, type Verdict, verdictOn } from './server-answers.js';

/** How long a server may have no place for a request before the queue has it again. */
const busyForMsMax = 60_000;
const firstWaitMs = 500;
const longestWaitMs = 8_000;

type Sent = { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array };

type About = {
  /** For messages. */
  readonly modelId: string;
  readonly repeatCosts: ReturnType<typeof repeatCosts>;
  readonly notBegunStatuses: readonly number[];
};

/**
 * Sends what makes pictures, and never so that it is paid for twice: what was certainly not begun is sent again for a while; what may have been begun is sent again only
 * where the server recognises it; else the job ends with `outcome_unknown`, or, on machines of one's own, goes back to the queue.
 */
export class PaidRequests {
  constructor(
    private readonly access: ServerAccess,
    private readonly about: About,
  ) {}

  /** The answer, a success. */
  async send(route: string, sent: Sent, signal: AbortSignal): Promise<HttpAnswer> {
    const startedMs = performance.now();
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, 2 * waitMs)) {
      const verdict = await this.#try(route, sent, signal);
      if (verdict.is === 'done') return verdict.answer;
      if (verdict.is === 'final') throw verdict.error;
      if (verdict.is === 'unknown' && this.about.repeatCosts !== 'deduplicated') throw this.#unknown(verdict.error);
      const nextMs = (verdict.is === 'not_begun' ? verdict.retryAfterMs : undefined) ?? waitMs;
      const patienceMs = verdict.is === 'unknown' ? this.access.withinMs : busyForMsMax;
      if (performance.now() - startedMs + nextMs > patienceMs) throw verdict.error;
      await pause(nextMs, signal);
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    }
  }

  /** What an answer that is no success means. */
  async verdictOn(answer: HttpAnswer): Promise<Verdict> {
    const said = saidIn(answer);
    const { modelId, notBegunStatuses, repeatCosts } = this.about;
    return verdictOn(
      answer,
      { ...said, sentence: await this.access.withoutKey(said.sentence) },
      { modelId, notBegunStatuses, host: this.access.base.host, failsWith500: repeatCosts === 'deduplicated' },
    );
  }

  async #try(route: string, sent: Sent, signal: AbortSignal): Promise<Verdict | { readonly is: 'done'; readonly answer: HttpAnswer }> {
    try {
      const answer = await this.access.call('POST', route, { ...sent, signal });
      return answer.status >= 200 && answer.status < 300 ? { is: 'done', answer } : await this.verdictOn(answer);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return this.#withoutAnswer(error, signal);
    }
  }

  #withoutAnswer(error: NoAnswer, signal: AbortSignal): Verdict {
    const { modelId, repeatCosts } = this.about;
    const server = `The server of ${modelId} (${this.access.base.host})`;
    if (signal.aborted) {
      // Cancelled as the caller wanted; whether it was paid for is another matter, which decides what may be done next.
      if (error.how !== 'not_sent' && repeatCosts === 'money')
        return { is: 'final', error: new TesseraError('Cancelled', 'outcome_unknown', `${server} was at work when the job was stopped.`) };
      return { is: 'final', error: cancelled('painting_cancelled', 'The painting was cancelled.') };
    }
    const details = { cause: error };
    if (error.how === 'not_sent') return { is: 'final', error: unavailable('engine_unavailable', `${server} cannot be reached.`, details) };
    if (error.how === 'too_large') {
      const tooLarge = `${server} answers more than is read of one answer.`;
      return {
        is: 'final',
        error: repeatCosts === 'money' ? internal('paid_unfinished', tooLarge) : internal('painting_failed', tooLarge),
      };
    }
    const what = error.how === 'timed_out' ? 'has not answered in time' : 'closed the connection before it had answered';
    return { is: 'unknown', error: unavailable('engine_unavailable', `${server} ${what}.`, details) };
  }

  #unknown(error: TesseraError): TesseraError {
    if (this.about.repeatCosts === 'time') return error;
    return deadlineExceeded('outcome_unknown', `${error.message} It may have made the pictures, so it is not asked again.`, {
      cause: error,
    });
  }
}
