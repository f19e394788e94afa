import { laneWeights, lanes, type Lane } from './lanes.js';

/** Remembered accounts of a lane after which the idle ones are forgotten. An account that is not ahead of virtual time is the same as an unknown one, so nothing is lost. */
const flowsBeforeForgetting = 10_000;

type Flow = { finish: number; lastStart: number };
type LaneState = { virtualTime: number; start: number; isBacklogged: boolean; readonly flows: Map<string, Flow>; flowsLimit: number };

/**
 * Who is next, as arithmetic: no I/O, no clock. Start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", SIGCOMM 1996), twice: over accounts inside
 * a lane, with GPU-seconds as the length of a job, and over the lanes with their weights. A start tag is max(virtual time, the flow's last finish tag);
 * virtual time is the start tag of what was served last. So who was idle begins at the present and earns no credit.
 * Finish tags begin as estimates and are corrected by measured GPU-seconds.
 */
export class FairQueue {
  readonly #lanes = new Map<Lane, LaneState>(
    lanes.map((lane) => [lane, { virtualTime: 1, start: 0, isBacklogged: false, flows: new Map(), flowsLimit: flowsBeforeForgetting }]),
  );
  #rootVirtualTime = 0;

  /** The start tag of an account's next job; 1 or more, for 0 is the front, where jobs go that lost their worker. */
  tag(lane: Lane, accountId: string, gpuSecondsEstimated: number): number {
    const state = this.#lane(lane);
    const start = Math.max(state.virtualTime, state.flows.get(accountId)?.finish ?? 0);
    state.flows.set(accountId, { finish: start + gpuSecondsEstimated, lastStart: start });
    if (state.flows.size > state.flowsLimit) forgetIdleFlows(state);
    return start;
  }

  /** Backlogged lanes, the one to serve first in front. Call it before every service with all lanes that have jobs: a lane left out counts as idle. */
  order(backlogged: readonly Lane[]): Lane[] {
    for (const [lane, state] of this.#lanes) {
      const isBacklogged = backlogged.includes(lane);
      if (isBacklogged && !state.isBacklogged) state.start = Math.max(state.start, this.#rootVirtualTime);
      state.isBacklogged = isBacklogged;
    }
    return [...backlogged].sort((a, b) => this.#lane(a).start - this.#lane(b).start || laneWeights[b] - laneWeights[a]);
  }

  served(lane: Lane, tag: number, gpuSecondsEstimated: number): void {
    const state = this.#lane(lane);
    state.virtualTime = Math.max(state.virtualTime, tag);
    this.#rootVirtualTime = Math.max(this.#rootVirtualTime, state.start);
    state.start += gpuSecondsEstimated / laneWeights[lane];
  }

  /** A job has ended: its account and lane pay what it took, not what it was thought to take. A refund reaches back to the present at most. */
  measured(lane: Lane, accountId: string, gpuSecondsEstimated: number, gpuSeconds: number): void {
    const state = this.#lane(lane);
    const difference = gpuSeconds - gpuSecondsEstimated;
    state.start = Math.max(state.start + difference / laneWeights[lane], Math.min(state.start, this.#rootVirtualTime));
    this.#correct(state, accountId, difference);
  }

  /** A job left the queue before it was served: its account does not pay for it. */
  withdrawn(lane: Lane, accountId: string, gpuSecondsEstimated: number): void {
    this.#correct(this.#lane(lane), accountId, -gpuSecondsEstimated);
  }

  /** After a restart: virtual time goes on where the first of the jobs still queued stands. */
  resume(lane: Lane, tag: number): void {
    const state = this.#lane(lane);
    state.virtualTime = Math.max(state.virtualTime, tag);
  }

  /** An account that this process has not seen yet has jobs queued up to this finish tag. */
  resumeAccount(lane: Lane, accountId: string, tag: number, gpuSecondsEstimated: number): void {
    const { flows } = this.#lane(lane);
    if ((flows.get(accountId)?.lastStart ?? 0) < tag) flows.set(accountId, { finish: tag + gpuSecondsEstimated, lastStart: tag });
  }

  #correct(state: LaneState, accountId: string, gpuSeconds: number): void {
    const flow = state.flows.get(accountId);
    // Not before the tag that it has given out already, or an account's newer jobs would pass its older ones.
    if (flow) flow.finish = Math.max(flow.finish + gpuSeconds, flow.lastStart);
  }

  #lane(lane: Lane): LaneState {
    const state = this.#lanes.get(lane);
    if (!state) throw new Error(`No lane ${lane}`);
    return state;
  }
}

function forgetIdleFlows(state: LaneState): void {
  for (const [accountId, flow] of state.flows) if (flow.finish <= state.virtualTime) state.flows.delete(accountId);
  // Each forgetting is paid for by as many additions, however many accounts are backlogged.
  state.flowsLimit = Math.max(flowsBeforeForgetting, state.flows.size * 2);
}
