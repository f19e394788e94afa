import { useId, useState, type ChangeEvent, type Ref } from 'react';
import { messageOf, type Api } from './api.js';
import { MaskCanvas, type MaskHandle } from './MaskCanvas.js';
import type { Request } from './wire.js';

/** A picture to start from: an upload or something that was painted here. */
export type Start = {
  readonly imageId: string;
  readonly url: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** How much of it to keep, 0 to 1. */
  readonly strength: number;
  readonly isMasked: boolean;
  /** "start", or a kind of guidance that the model knows. */
  readonly use: string;
  /** Of a character: the word of the prompt that it stands for; empty: the first thing. */
  readonly subject: string;
};

const uses: readonly (readonly [string, string])[] = [
  ['start', 'Start from it'],
  ['edges', 'Follow its outlines'],
  ['depth', 'Follow it as a depth map'],
  ['pose', 'Follow it as a skeleton'],
  ['style', 'Take its style'],
  ['content', 'Take its arrangement'],
  ['character', 'Show this very thing'],
];
/** Leonardo's weights go from 0 to 2. */
const weightPerStrength = 2;

/** The fields of a request that bring the picture along. */
export function pictureFields({ imageId, strength, use, subject }: Start): Partial<Request> {
  if (use === 'start') return { init_image_id: imageId, init_strength: strength };
  return {
    controlnets: [
      {
        initImageId: imageId,
        preprocessorId: use,
        weight: strength * weightPerStrength,
        ...(use === 'character' && subject.trim() !== '' ? { subject: subject.trim() } : {}),
      },
    ],
  };
}

export const startFrom = (imageId: string, url: string, widthPx: number, heightPx: number): Start => ({
  imageId,
  url,
  widthPx,
  heightPx,
  strength: 0.5,
  isMasked: false,
  use: 'start',
  subject: '',
});

type Props = {
  readonly api: Api;
  readonly start: Start | undefined;
  readonly onChange: (start: Start | undefined) => void;
  readonly mask: Ref<MaskHandle>;
  readonly kinds: readonly string[];
};

/** Chooses a picture, how much of it to keep, and what of it to repaint. */
export function StartingPicture({ api, start, onChange, mask, kinds }: Props) {
  const [isUploading, setUploading] = useState(false);
  const [refusal, setRefusal] = useState('');

  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const [file] = event.target.files ?? [];
    event.target.value = '';
    if (!file) return;
    setRefusal('');
    setUploading(true);
    try {
      const { id: imageId, url, tessera } = await api.upload(file);
      onChange(startFrom(imageId, url, tessera.width, tessera.height));
    } catch (error) {
      setRefusal(messageOf(error));
    } finally {
      setUploading(false);
    }
  };

  return (
    <div className="start">
      <div className="tools">
        <label className="file">
          <input
            type="file"
            className="hidden"
            accept="image/png,image/jpeg,image/webp"
            disabled={isUploading}
            onChange={(event) => void choose(event)}
          />
          <span className="plain">{isUploading ? 'Uploading…' : start ? 'Another picture' : 'Start from a picture'}</span>
        </label>
        {start && (
          <button type="button" className="plain" onClick={() => onChange(undefined)}>
            Remove
          </button>
        )}
        {refusal && (
          <span className="refusal" role="alert">
            {refusal}
          </span>
        )}
      </div>
      {start && (
        <div className="start-details">
          {start.use === 'start' ? (
            <MaskCanvas
              key={start.imageId}
              ref={mask}
              url={start.url}
              widthPx={start.widthPx}
              heightPx={start.heightPx}
              onDraw={() => !start.isMasked && onChange({ ...start, isMasked: true, strength: 0 })}
              onClear={() => onChange({ ...start, isMasked: false, strength: 0.5 })}
            />
          ) : (
            <img className="guide" src={start.url} alt="What guides the painting" />
          )}
          <Use start={start} onChange={onChange} kinds={kinds} />
        </div>
      )}
    </div>
  );
}

function Use({ start, onChange, kinds }: { start: Start; onChange: (start: Start) => void; kinds: readonly string[] }) {
  const id = useId();
  const known = uses.filter(([use]) => use === 'start' || kinds.includes(use));
  return (
    <div className="keep">
      <label>
        <span className="hidden">What to do with the picture</span>
        <select
          value={start.use}
          onChange={(event) =>
            onChange({ ...start, use: event.target.value, isMasked: false, strength: event.target.value === 'start' ? 0.5 : 0.8 })
          }
        >
          {known.map(([use, name]) => (
            <option key={use} value={use}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {start.use === 'character' && (
        <input
          type="text"
          aria-label="The word of the prompt that it stands for"
          placeholder="for which word? (else the first thing)"
          value={start.subject}
          onChange={(event) => onChange({ ...start, subject: event.target.value })}
        />
      )}
      <label htmlFor={id}>
        {strengthLabel(start)}: {Math.round(start.strength * 100)} %
      </label>
      <input
        id={id}
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={start.strength}
        onChange={(event) => onChange({ ...start, strength: Number(event.target.value) })}
      />
      <p className="quiet">{hintOf(start)}</p>
    </div>
  );
}

function strengthLabel({ use, isMasked }: Start): string {
  if (use !== 'start') return 'Strength';
  return isMasked ? 'Keep of what is painted over' : 'Keep of the picture';
}

function hintOf({ use, isMasked }: Start): string {
  if (use === 'character') return 'Best cut out, on a transparent background. It takes the place of a thing in your prompt.';
  if (use === 'depth') return 'White is near, black is far.';
  if (use !== 'start') return 'The prompt still says what is painted.';
  return isMasked
    ? 'Only what you painted over changes. Say in the prompt what goes there.'
    : 'Paint over a part with the pointer to change only that part; leave it alone to change the whole picture.';
}
