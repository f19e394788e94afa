import { useCallback, useEffect, useState } from 'react';
import { messageOf, Refusal, type Api } from './api.js';
import type { Account, Generation, Model, Queue, Request } from './wire.js';

/** What the page knows and can do: account, queue, models and pictures, kept fresh by what happens on the page. */
export function useStudio(api: Api, onLeave: () => void) {
  const [account, setAccount] = useState<Account>();
  const [queue, setQueue] = useState<Queue>();
  const [models, setModels] = useState<readonly Model[]>([]);
  const [generations, setGenerations] = useState<readonly Generation[]>([]);
  const [refusal, setRefusal] = useState('');

  const refuse = useCallback(
    (error: unknown) => {
      if (error instanceof Refusal && error.status === 401) onLeave();
      else setRefusal(messageOf(error));
    },
    [onLeave],
  );
  const refresh = useCallback(async () => {
    const [freshAccount, freshQueue] = await Promise.all([api.account(), api.queue()]);
    setAccount(freshAccount);
    setQueue(freshQueue);
  }, [api]);
  useEffect(() => {
    const load = async () => {
      const owner = await api.account();
      const [known, gallery] = await Promise.all([api.models(), api.gallery(owner.accountId), refresh()]);
      setModels(known);
      setGenerations(gallery);
    };
    load().catch(refuse);
  }, [api, refresh, refuse]);

  const create = async (request: () => Promise<Request>) => {
    setRefusal('');
    try {
      const generation = await api.generation(await api.create(await request()));
      setGenerations((others) => [generation, ...others]);
      await refresh();
    } catch (error) {
      refuse(error);
    }
  };
  const replace = useCallback(
    (fresh: Generation) => {
      setGenerations((all) => all.map((generation) => (generation.id === fresh.id ? fresh : generation)));
      refresh().catch(refuse);
    },
    [refresh, refuse],
  );
  const remove = async (id: string) => {
    try {
      await api.remove(id);
      setGenerations((all) => all.filter((generation) => generation.id !== id));
      await refresh();
    } catch (error) {
      refuse(error);
    }
  };
  return { account, queue, models, generations, refusal, refuse, create, replace, remove };
}
