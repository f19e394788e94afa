import { useState, type FormEvent } from 'react';
import { Api, messageOf } from './api.js';
import { Logo } from './Logo.js';

/** Asks for the key once and tries it before it is kept. */
export function KeyEntry({ onEnter }: { onEnter: (key: string) => void }) {
  const [refusal, setRefusal] = useState('');
  const [isTrying, setTrying] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get('key') ?? '').trim();
    if (key === '') return;
    setTrying(true);
    try {
      await new Api(key).account();
      onEnter(key);
    } catch (error) {
      setRefusal(messageOf(error));
      setTrying(false);
    }
  };
  return (
    <main className="entry">
      <form className="card" onSubmit={(event) => void submit(event)}>
        <h1>
          <Logo /> Tessera
        </h1>
        <label htmlFor="key">API key</label>
        <input
          id="key"
          name="key"
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          required
          aria-describedby="key-hint"
          aria-invalid={refusal !== ''}
        />
        <p id="key-hint" className="quiet">
          The server printed it at its first start and keeps it in its data folder as <code>owner-key</code>.{' '}
          <code>tessera keys create</code> makes more.
        </p>
        {refusal && (
          <p className="refusal" role="alert">
            {refusal}
          </p>
        )}
        <button type="submit" className="primary" disabled={isTrying}>
          {isTrying ? 'Trying…' : 'Enter'}
        </button>
      </form>
    </main>
  );
}
