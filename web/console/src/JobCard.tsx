import { useEffect, useState, type CSSProperties } from 'react';
import type { Api } from './api.js';
import { isFinal, watchJob, type Update } from './watch.js';
import type { Generation } from './wire.js';

type Props = {
  readonly api: Api;
  readonly generation: Generation;
  readonly onChange: (generation: Generation) => void;
  readonly onOpen: (generation: Generation) => void;
  readonly onFailure: (error: unknown) => void;
};

type Progress = { readonly step: number; readonly steps: number; readonly previews: ReadonlyMap<number, string> };
const nothingYet: Progress = { step: 0, steps: 0, previews: new Map() };

/** One job: previews while it is painted, then its pictures, or why there are none. */
export function JobCard({ api, generation, onChange, onOpen, onFailure }: Props) {
  const { tessera } = generation;
  const isDone = isFinal(tessera.state);
  const progress = useProgress(api, generation.id, isDone, onChange, onFailure);
  const ratio = { '--ratio': `${generation.imageWidth} / ${generation.imageHeight}` } as CSSProperties;
  return (
    <article className="job" aria-busy={!isDone} style={ratio}>
      {isDone ? <Pictures generation={generation} onOpen={onOpen} /> : <Canvas generation={generation} progress={progress} />}
      <footer>
        <p title={generation.prompt}>{generation.prompt}</p>
        <p className="quiet">
          {tessera.state === 'succeeded' ? `${tessera.bill.chargedTokens} tokens · seed ${generation.seed ?? '–'}` : tessera.state}
          {!isDone && (
            <button type="button" className="plain" onClick={() => void api.cancel(generation.id).catch(onFailure)}>
              Cancel
            </button>
          )}
        </p>
      </footer>
    </article>
  );
}

function useProgress(api: Api, id: string, isDone: boolean, onChange: Props['onChange'], onFailure: Props['onFailure']): Progress {
  const [progress, setProgress] = useState(nothingYet);
  useEffect(() => {
    if (isDone) return undefined;
    const abort = new AbortController();
    const onUpdate = (update: Update) => {
      if (update.type === 'progress') setProgress((before) => ({ ...before, step: update.step, steps: update.steps }));
      else if (update.type === 'preview') setProgress((before) => ({ ...before, previews: new Map(before.previews).set(update.index, update.dataUrl) }));
      // The last state is read afresh, because only that answer has links to the pictures.
      else if (isFinal(update.generation.tessera.state)) api.generation(id).then(onChange, onFailure);
      else onChange(update.generation);
    };
    watchJob(api, id, onUpdate, abort.signal).catch(onFailure);
    return () => abort.abort();
  }, [api, id, isDone, onChange, onFailure]);
  return progress;
}

function Canvas({ generation, progress }: { generation: Generation; progress: Progress }) {
  const { state, images, queuePosition } = generation.tessera;
  const label = state === 'running' ? 'painting' : queuePosition > 0 ? `${queuePosition} ahead` : 'waiting';
  return (
    <div className="pictures" data-count={images}>
      {Array.from({ length: images }, (_, index) => {
        const preview = progress.previews.get(index);
        return preview ? <img key={index} className="preview" src={preview} alt="" /> : <div key={index} className="blank" />;
      })}
      <div className="progress">
        <progress max={progress.steps || 1} value={progress.steps === 0 ? undefined : progress.step} aria-label={`Progress of ${generation.prompt}`} />
        <span>{progress.steps === 0 ? label : `${progress.step}/${progress.steps}`}</span>
      </div>
    </div>
  );
}

function Pictures({ generation, onOpen }: { generation: Generation; onOpen: (generation: Generation) => void }) {
  const { generated_images: images, tessera, prompt } = generation;
  if (images.length === 0) {
    return (
      <button type="button" className="failed" onClick={() => onOpen(generation)}>
        {tessera.failureMessage ?? `This job was ${tessera.state}.`}
      </button>
    );
  }
  return (
    <button type="button" className="pictures" data-count={images.length} onClick={() => onOpen(generation)} aria-label={`Open ${prompt}`}>
      {images.map((image, at) => (
        <img key={image.id} src={image.url} alt={images.length > 1 ? `${prompt}, ${at + 1} of ${images.length}` : prompt} loading="lazy" width={generation.imageWidth} height={generation.imageHeight} />
      ))}
    </button>
  );
}
