import { useState } from 'react';
import type { Api } from './api.js';
import { GenerationDialog } from './GenerationDialog.js';
import { JobCard } from './JobCard.js';
import { Logo } from './Logo.js';
import { PromptForm } from './PromptForm.js';
import type { Start } from './StartingPicture.js';
import { useStudio } from './use-studio.js';
import { isFinal } from './events.js';
import { nothingYet } from './studio-state.js';
import type { Account, Generation, Queue } from './wire.js';

const number = new Intl.NumberFormat('en-US');

/** The whole page once there is a key: balance and queue above, the prompt, then the pictures, newest first. */
export function Studio({ api, onLeave }: { api: Api; onLeave: () => void }) {
  const { account, queue, models, generations, progress, refusal, refuse, create, remove } = useStudio(api, onLeave);
  const [opened, setOpened] = useState<Generation>();
  const [start, setStart] = useState<Start>();
  const close = () => setOpened(undefined);
  const startFromOpened = (chosen: Start) => {
    close();
    setStart(chosen);
    window.scrollTo({ top: 0 });
  };
  const removeOpened = (id: string) => {
    close();
    return remove(id);
  };

  return (
    <>
      <header className="top">
        <h1>
          <Logo /> Tessera
        </h1>
        <Figures account={account} queue={queue} />
        <nav>
          <a href="/docs">API</a>
          <button type="button" className="plain" onClick={onLeave}>
            Forget key
          </button>
        </nav>
      </header>
      <main>
        <PromptForm api={api} models={models} start={start} onStart={setStart} onCreate={create} />
        {refusal && (
          <p className="refusal" role="alert">
            {refusal}
          </p>
        )}
        <section className="gallery" aria-label="Pictures, newest first">
          {generations.map((generation) => (
            <JobCard
              key={generation.id}
              api={api}
              generation={generation}
              progress={progress.get(generation.id) ?? nothingYet}
              onOpen={setOpened}
              onFailure={refuse}
            />
          ))}
          {generations.length === 0 && account && <p className="quiet empty">Nothing painted yet. Describe a picture above.</p>}
        </section>
      </main>
      {opened && isFinal(opened.tessera.state) && (
        <GenerationDialog api={api} generation={opened} onClose={close} onDelete={removeOpened} onStart={startFromOpened} />
      )}
    </>
  );
}

function Figures({ account, queue }: { account: Account | undefined; queue: Queue | undefined }) {
  if (!account) return <div className="figures" aria-busy="true" />;
  const waiting = queue ? queue.accountQueuedJobs : 0;
  return (
    <dl className="figures" aria-live="polite">
      <div>
        <dt>balance</dt>
        <dd title={account.buckets.map(({ bucket, balanceTokens }) => `${bucket} ${number.format(balanceTokens)}`).join(', ')}>
          {number.format(account.balanceTokens)}
        </dd>
      </div>
      {account.credits && (
        <div>
          <dt>API credits</dt>
          <dd>{number.format(account.credits.balanceCredits)}</dd>
        </div>
      )}
      <div>
        <dt>held</dt>
        <dd>{number.format(account.heldTokens)}</dd>
      </div>
      <div>
        <dt>queue</dt>
        <dd>{queue ? `${queue.accountRunningJobs} painting${waiting > 0 ? `, ${waiting} waiting` : ''}` : '–'}</dd>
      </div>
    </dl>
  );
}
