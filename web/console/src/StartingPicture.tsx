import { useId, useState, type ChangeEvent, type Ref } from 'react';
import { messageOf, type Api } from './api.js';
import { MaskCanvas, type MaskHandle } from './MaskCanvas.js';

/** A picture to start from: an upload or something that was painted here. */
export type Start = {
  readonly imageId: string;
  readonly url: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** How much of it to keep, 0 to 1. */
  readonly strength: number;
  readonly isMasked: boolean;
};

export const startFrom = (imageId: string, url: string, widthPx: number, heightPx: number): Start => ({ imageId, url, widthPx, heightPx, strength: 0.5, isMasked: false });

type Props = { readonly api: Api; readonly start: Start | undefined; readonly onChange: (start: Start | undefined) => void; readonly mask: Ref<MaskHandle> };

/** Chooses a picture, how much of it to keep, and what of it to repaint. */
export function StartingPicture({ api, start, onChange, mask }: Props) {
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
          <input type="file" className="hidden" accept="image/png,image/jpeg,image/webp" disabled={isUploading} onChange={(event) => void choose(event)} />
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
          <MaskCanvas
            key={start.imageId}
            ref={mask}
            url={start.url}
            widthPx={start.widthPx}
            heightPx={start.heightPx}
            onPaint={() => !start.isMasked && onChange({ ...start, isMasked: true, strength: 0 })}
            onClear={() => onChange({ ...start, isMasked: false, strength: 0.5 })}
          />
          <Keep start={start} onChange={onChange} />
        </div>
      )}
    </div>
  );
}

function Keep({ start, onChange }: { start: Start; onChange: (start: Start) => void }) {
  const id = useId();
  return (
    <div className="keep">
      <label htmlFor={id}>
        {start.isMasked ? 'Keep of what is painted over' : 'Keep of the picture'}: {Math.round(start.strength * 100)} %
      </label>
      <input id={id} type="range" min={0} max={1} step={0.05} value={start.strength} onChange={(event) => onChange({ ...start, strength: Number(event.target.value) })} />
      <p className="quiet">
        {start.isMasked ? 'Only what you painted over changes. Say in the prompt what goes there.' : 'Paint over a part with the pointer to change only that part; leave it alone to change the whole picture.'}
      </p>
    </div>
  );
}
