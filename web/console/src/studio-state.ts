import { isFinal, type AccountEvent } from './events.js';
import type { Account, Generation, Queue } from './wire.js';

export type Progress = { readonly step: number; readonly steps: number; readonly previews: ReadonlyMap<number, string> };
export const nothingYet: Progress = { step: 0, steps: 0, previews: new Map() };

export type StudioState = {
  readonly account?: Account | undefined;
  readonly queue?: Queue | undefined;
  /** Newest first. */
  readonly generations: readonly Generation[];
  /** Of generations that run, by id. */
  readonly progress: ReadonlyMap<string, Progress>;
  /** Generations that the stream has told of since the list was asked for: what it said is newer than the list. */
  readonly told: ReadonlySet<string>;
};

export type Change =
  | AccountEvent
  | { readonly type: 'listed'; readonly generations: readonly Generation[] }
  | { readonly type: 'created'; readonly generation: Generation };

export const emptyStudio: StudioState = { generations: [], progress: new Map(), told: new Set() };

/** What the page shows after a change. */
export function studioAfter(state: StudioState, change: Change): StudioState {
  switch (change.type) {
    case 'balance':
      return { ...state, account: change.account };
    case 'queue':
      return { ...state, queue: change.queue };
    case 'caught_up':
      return { ...state, told: new Set() };
    case 'generation':
      return changed(state, change.generation);
    // The stream may have told of it before the answer came.
    case 'created':
      return state.generations.some(({ id }) => id === change.generation.id)
        ? state
        : { ...state, generations: [change.generation, ...state.generations] };
    case 'removed':
      return {
        ...state,
        generations: without(state.generations, change.id),
        progress: forgotten(state, change.id),
        told: new Set(state.told).add(change.id),
      };
    case 'listed':
      return listed(state, change.generations);
    case 'progress': {
      const before = state.progress.get(change.id) ?? nothingYet;
      return { ...state, progress: new Map(state.progress).set(change.id, { ...before, step: change.step, steps: change.steps }) };
    }
    case 'preview': {
      const before = state.progress.get(change.id) ?? nothingYet;
      return {
        ...state,
        progress: new Map(state.progress).set(change.id, {
          ...before,
          previews: new Map(before.previews).set(change.index, change.dataUrl),
        }),
      };
    }
  }
}

function changed(state: StudioState, generation: Generation): StudioState {
  const isKnown = state.generations.some(({ id }) => id === generation.id);
  const generations = isKnown
    ? state.generations.map((other) => (other.id === generation.id ? generation : other))
    : newestFirst([generation, ...state.generations]);
  const progress = isFinal(generation.tessera.state) ? forgotten(state, generation.id) : state.progress;
  return { ...state, generations, progress, told: new Set(state.told).add(generation.id) };
}

/** What the list does not have any more has gone, unless the stream has told of it since. */
function listed(state: StudioState, list: readonly Generation[]): StudioState {
  const kept = state.generations.filter(({ id }) => state.told.has(id));
  return { ...state, generations: newestFirst([...kept, ...list.filter(({ id }) => !state.told.has(id))]) };
}

const without = (generations: readonly Generation[], id: string): readonly Generation[] =>
  generations.filter((generation) => generation.id !== id);

function forgotten({ progress }: StudioState, id: string): ReadonlyMap<string, Progress> {
  if (!progress.has(id)) return progress;
  const rest = new Map(progress);
  rest.delete(id);
  return rest;
}

const newestFirst = (generations: readonly Generation[]): readonly Generation[] =>
  generations.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
