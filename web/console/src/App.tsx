import { useCallback, useMemo, useState } from 'react';
import { Api } from './api.js';
import { KeyEntry } from './KeyEntry.js';
import { Studio } from './Studio.js';

const storedKey = 'tessera-key';

export function App() {
  const [key, setKey] = useState(() => localStorage.getItem(storedKey));
  const enter = (entered: string) => {
    localStorage.setItem(storedKey, entered);
    setKey(entered);
  };
  const leave = useCallback(() => {
    localStorage.removeItem(storedKey);
    setKey(null);
  }, []);
  const api = useMemo(() => new Api(key ?? ''), [key]);
  return key === null ? <KeyEntry onEnter={enter} /> : <Studio key={key} api={api} onLeave={leave} />;
}
