import { useEffect, useRef, useState } from 'react';
import { messageOf, type Api } from './api.js';
import { startFrom, type Start } from './StartingPicture.js';
import type { Bill, Generation, Picture } from './wire.js';

type Props = {
  readonly api: Api;
  readonly generation: Generation;
  readonly onClose: () => void;
  readonly onDelete: (id: string) => Promise<void>;
  readonly onStart: (start: Start) => void;
};

/** One job at full size, with what was asked and what it cost. */
export function GenerationDialog({ api, generation, onClose, onDelete, onStart }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { tessera } = generation;
  return (
    <dialog ref={dialog} onClose={onClose} closedby="any" aria-label={generation.prompt}>
      <div className="dialog">
        <div className="large" data-count={generation.generated_images.length}>
          {generation.generated_images.map((image, at) => (
            <figure key={image.id}>
              <a href={image.url} download={`${generation.id}-${at + 1}.png`} title="Save this picture">
                <img src={image.url} alt={generation.prompt} />
              </a>
              <figcaption>
                <Acceptance api={api} picture={image} />
                <button
                  type="button"
                  className="plain"
                  onClick={() => onStart(startFrom(image.id, image.url, generation.imageWidth, generation.imageHeight))}
                >
                  Edit this picture
                </button>
              </figcaption>
            </figure>
          ))}
        </div>
        <div className="details">
          <h2>{generation.prompt}</h2>
          <p className="quiet">
            {tessera.model} · {generation.imageWidth}×{generation.imageHeight} · {generation.inferenceSteps} steps · seed{' '}
            {generation.seed ?? '–'}
            {generation.presetStyle !== 'NONE' && ` · ${generation.presetStyle.toLowerCase()}`}
            {generation.negativePrompt && ` · without ${generation.negativePrompt}`}
          </p>
          {tessera.failureMessage && <p className="refusal">{tessera.failureMessage}</p>}
          {tessera.notices.map(({ message }) => (
            <p key={message} className="notice">
              {message}
            </p>
          ))}
          <BillTable api={api} id={generation.id} />
          <p className="quiet">
            {new Date(generation.createdAt).toLocaleString()} · <code>{generation.id}</code>
          </p>
          <div className="actions">
            <button type="button" className="plain" onClick={() => void onDelete(generation.id)}>
              Delete
            </button>
            <button type="button" className="primary" onClick={() => dialog.current?.close()} autoFocus>
              Close
            </button>
          </div>
        </div>
      </div>
    </dialog>
  );
}

/** Whether the picture is used: reports tell what a used one costs. */
function Acceptance({ api, picture }: { api: Api; picture: Picture }) {
  const [isAccepted, setAccepted] = useState(picture.tessera.isAccepted);
  const [refusal, setRefusal] = useState('');
  const mark = (accepted: boolean) => {
    setAccepted(accepted);
    api.accept(picture.id, accepted).then(
      () => setRefusal(''),
      (error: unknown) => {
        setAccepted(!accepted);
        setRefusal(messageOf(error));
      },
    );
  };
  return (
    <label className="quiet">
      <input type="checkbox" checked={isAccepted} onChange={(event) => mark(event.target.checked)} /> accepted {refusal}
    </label>
  );
}

/** Line by line; the lines add up to what left the account. */
function BillTable({ api, id }: { api: Api; id: string }) {
  const [bill, setBill] = useState<Bill>();
  const [refusal, setRefusal] = useState('');
  useEffect(() => {
    api.bill(id).then(setBill, (error: unknown) => setRefusal(messageOf(error)));
  }, [api, id]);
  if (refusal) return <p className="quiet">{refusal}</p>;
  if (!bill) return <p className="quiet">…</p>;
  return (
    <table className="bill">
      <caption>Bill</caption>
      <tbody>
        {bill.chargedLines.map(({ description, tokens }) => (
          <tr key={description}>
            <td>{description}</td>
            <td>{tokens}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">
            charged{bill.lane && ` (${bill.lane})`}, {bill.wallet === 'credits' ? 'API credits' : 'tokens'}
          </th>
          <td>{bill.chargedTokens}</td>
        </tr>
        {bill.returnedTokens > 0 && (
          <tr>
            <th scope="row">returned</th>
            <td>{bill.returnedTokens}</td>
          </tr>
        )}
      </tfoot>
    </table>
  );
}
