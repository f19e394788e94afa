import type { CSSProperties } from 'react';
import type { Api } from './api.js';
import { isFinal } from './events.js';
import type { Progress } from './studio-state.js';
import type { Generation } from './wire.js';

type Props = {
  readonly api: Api;
  readonly generation: Generation;
  readonly progress: Progress;
  readonly onOpen: (generation: Generation) => void;
  readonly onFailure: (error: unknown) => void;
};

/** One job: previews while it is painted, then its pictures, or why there are none. */
export function JobCard({ api, generation, progress, onOpen, onFailure }: Props) {
  const { tessera } = generation;
  const isDone = isFinal(tessera.state);
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
        <progress
          max={progress.steps || 1}
          value={progress.steps === 0 ? undefined : progress.step}
          aria-label={`Progress of ${generation.prompt}`}
        />
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
        <img
          key={image.id}
          src={image.url}
          alt={images.length > 1 ? `${prompt}, ${at + 1} of ${images.length}` : prompt}
          loading="lazy"
          width={generation.imageWidth}
          height={generation.imageHeight}
        />
      ))}
    </button>
  );
}
