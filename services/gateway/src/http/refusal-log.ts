import type { Logger } from '@tessera/platform/logger.js';
import type { FastifyRequest } from 'fastify';
import type { Refusal } from './error-bodies.js';
import { pathOf, type GatewayRequest } from './request.js';

/** Anybody can be refused as often as they like; what they may write into a log is bounded. Who has a key is known and can be spoken to. */
const linesMax = { stranger: 20, caller: 200 } as const;
const windowMs = 10_000;

type Budget = { sinceMs: number; lines: number; leftOut: number };

/** Refused requests, for whoever wonders why a client does not get through: a short line each, no query (signed links carry their authority there), no body, no stack. */
export class RefusalLog {
  readonly #budgets: Record<keyof typeof linesMax, Budget> = { stranger: newBudget(0), caller: newBudget(0) };

  constructor(
    private readonly logger: Logger,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  note(request: FastifyRequest, { status, type, param }: Refusal, requestId: string): void {
    if (!this.logger.isLevelEnabled('info')) return;
    const { caller } = request as GatewayRequest;
    const leftOut = this.#spend(caller ? 'caller' : 'stranger');
    if (leftOut === undefined) return;
    this.logger.info(
      {
        requestId,
        method: request.method,
        path: pathOf(request.url),
        status,
        type,
        param,
        accountId: caller?.accountId,
        ...(leftOut > 0 ? { leftOut } : {}),
      },
      'refused',
    );
  }

  /** How many lines were left out before this one; undefined when this one is left out as well. */
  #spend(who: keyof typeof linesMax): number | undefined {
    const nowMs = this.nowMs();
    const known = this.#budgets[who];
    const isOver = nowMs - known.sinceMs >= windowMs;
    const budget = isOver ? newBudget(nowMs) : known;
    this.#budgets[who] = budget;
    if (budget.lines >= linesMax[who]) {
      budget.leftOut++;
      return undefined;
    }
    budget.lines++;
    return isOver ? known.leftOut : 0;
  }
}

const newBudget = (sinceMs: number): Budget => ({ sinceMs, lines: 0, leftOut: 0 });
