import { useCallback, useEffect, useReducer, useState } from 'react';
import { messageOf, Refusal, type Api } from './api.js';
import { followEvents } from './events.js';
import { emptyStudio, studioAfter } from './studio-state.js';
import type { Model, Request } from './wire.js';

/** What the page knows and can do: account, queue, models and pictures, kept fresh by the account's one stream of events. */
export function useStudio(api: Api, onLeave: () => void) {
  const [{ account, queue, generations, progress }, change] = useReducer(studioAfter, emptyStudio);
  const [models, setModels] = useState<readonly Model[]>([]);
  const [refusal, setRefusal] = useState('');

  const refuse = useCallback(
    (error: unknown) => {
      if (error instanceof Refusal && error.status === 401) onLeave();
      else setRefusal(messageOf(error));
    },
    [onLeave],
  );
  useEffect(() => {
    api.models().then(setModels, refuse);
  }, [api, refuse]);
  useEffect(() => {
    const abort = new AbortController();
    // Read again after every loss of the stream: what ended or went meanwhile is seen in the list, so no card waits for an event that has passed.
    const readList = async () => change({ type: 'listed', generations: await api.gallery((await api.account()).accountId) });
    const follow = followEvents(
      api,
      (event) => {
        change(event);
        if (event.type === 'caught_up') readList().catch(refuse);
      },
      abort.signal,
    );
    follow.catch(refuse);
    return () => abort.abort();
  }, [api, refuse]);

  const create = async (request: () => Promise<Request>) => {
    setRefusal('');
    try {
      change({ type: 'created', generation: await api.generation(await api.create(await request())) });
    } catch (error) {
      refuse(error);
    }
  };
  const remove = async (id: string) => {
    try {
      await api.remove(id);
      change({ type: 'removed', id });
    } catch (error) {
      refuse(error);
    }
  };
  return { account, queue, models, generations, progress, refusal, refuse, create, remove };
}
