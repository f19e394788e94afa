import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent, type RefObject } from 'react';
import { messageOf, type Api } from './api.js';
import type { MaskHandle } from './MaskCanvas.js';
import { pictureFields, StartingPicture, type Start } from './StartingPicture.js';
import type { Model, Quote, Request } from './wire.js';

const defaultSize = '512x512';
const sizes = [defaultSize, '512x384', '384x512', '512x288', '288x512'];
const styles = ['NONE', 'CINEMATIC', 'VIBRANT', 'MONOCHROME', 'ILLUSTRATION', 'RENDER_3D'];
/** A price is asked for when typing pauses. */
const quoteDelayMs = 350;

const titled = (name: string) => name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ');

type Draft = { prompt: string; negative: string; model: string; size: string; images: string; seed: string; style: string };
const empty: Draft = { prompt: '', negative: '', model: '', size: '', images: '1', seed: '', style: 'NONE' };

/** The size whose proportions come nearest. */
function sizeLike({ widthPx, heightPx }: Start): string {
  const distance = (size: string) => {
    const [width = 1, height = 1] = size.split('x').map(Number);
    return Math.abs(Math.log((width / height) * (heightPx / widthPx)));
  };
  return sizes.toSorted((a, b) => distance(a) - distance(b))[0] ?? defaultSize;
}

function requestOf(draft: Draft, start: Start | undefined): Request {
  const [width = 512, height = 512] = (draft.size || (start ? sizeLike(start) : defaultSize)).split('x').map(Number);
  return {
    prompt: draft.prompt.trim(),
    width,
    height,
    num_images: Number(draft.images),
    presetStyle: draft.style,
    ...(draft.negative.trim() === '' ? {} : { negative_prompt: draft.negative.trim() }),
    ...(draft.model === '' ? {} : { modelId: draft.model }),
    ...(draft.seed.trim() === '' ? {} : { seed: Number(draft.seed) }),
    ...(start ? pictureFields(start) : {}),
  };
}

type Props = {
  readonly api: Api;
  readonly models: readonly Model[];
  readonly start: Start | undefined;
  readonly onStart: (start: Start | undefined) => void;
  readonly onCreate: (request: () => Promise<Request>) => Promise<void>;
};

/** The words and the few choices around them, with the price on the button. */
export function PromptForm({ api, models, start, onStart, onCreate }: Props) {
  const [draft, setDraft] = useState(empty);
  const [isSending, setSending] = useState(false);
  const prompt = useRef<HTMLTextAreaElement>(null);
  const mask = useRef<MaskHandle>(null);
  const { quote, objection } = useQuote(api, draft, start);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const model = models.find(({ id }) => id === draft.model) ?? models.find(({ tessera }) => tessera.isDefault);

  useFocusKey(prompt);

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (draft.prompt.trim() === '' || isSending) return;
    setSending(true);
    await onCreate(async () => {
      const png = start?.isMasked ? await mask.current?.toPng() : undefined;
      return { ...requestOf(draft, start), ...(png ? { init_mask_id: (await api.upload(png)).id } : {}) };
    });
    setSending(false);
  };
  const submitOnEnter = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void submit();
  };

  return (
    <form className="card prompt" onSubmit={(event) => void submit(event)}>
      <label htmlFor="prompt" className="hidden">
        Prompt
      </label>
      <textarea
        id="prompt"
        ref={prompt}
        rows={2}
        placeholder="a red apple on a beach at sunset"
        value={draft.prompt}
        onChange={(event) => set({ prompt: event.target.value })}
        onKeyDown={submitOnEnter}
        aria-describedby="price"
      />
      <StartingPicture api={api} start={start} onChange={onStart} mask={mask} kinds={model?.tessera.guidanceKinds ?? []} />
      <Options
        draft={draft}
        automatic={start ? 'Like the picture' : 'Automatic'}
        set={set}
        models={models}
        maxImages={model?.tessera.maxImages ?? 4}
      />
      <div className="send">
        <output id="price" className={objection ? 'refusal' : 'quiet'} aria-live="polite">
          {objection ||
            (quote
              ? quote.lines.map(({ description, tokens }) => `${description}: ${tokens}`).join(' · ')
              : 'Enter paints, Shift+Enter starts a new line, / comes back here.')}
        </output>
        <button type="submit" className="primary" disabled={isSending || draft.prompt.trim() === ''}>
          {quote && !objection ? `Paint · ${quote.totalTokens} ${quote.totalTokens === 1 ? 'token' : 'tokens'}` : 'Paint'}
        </button>
      </div>
    </form>
  );
}

function Options({
  draft,
  set,
  models,
  maxImages,
  automatic,
}: {
  draft: Draft;
  automatic: string;
  set: (change: Partial<Draft>) => void;
  models: readonly Model[];
  maxImages: number;
}) {
  return (
    <div className="options">
      <Choice
        label="Model"
        value={draft.model}
        onChange={(model) => set({ model })}
        options={[['', 'Default'], ...models.map(({ id, name }): [string, string] => [id, name])]}
      />
      <Choice
        label="Size"
        value={draft.size}
        onChange={(size) => set({ size })}
        options={[['', automatic], ...sizes.map((size): [string, string] => [size, size.replace('x', ' × ')])]}
      />
      <Choice
        label="Images"
        value={draft.images}
        onChange={(images) => set({ images })}
        options={Array.from({ length: maxImages }, (_, at) => [String(at + 1), String(at + 1)])}
      />
      <Choice
        label="Style"
        value={draft.style}
        onChange={(style) => set({ style })}
        options={styles.map((style) => [style, titled(style)])}
      />
      <label>
        <span>Seed</span>
        <input
          type="number"
          min={0}
          step={1}
          placeholder="any"
          value={draft.seed}
          onChange={(event) => set({ seed: event.target.value })}
        />
      </label>
      <label className="wide">
        <span>Without</span>
        <input
          type="text"
          placeholder="what it should not show"
          value={draft.negative}
          onChange={(event) => set({ negative: event.target.value })}
        />
      </label>
    </div>
  );
}

function Choice({
  label,
  value,
  onChange,
  options,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: [string, string][];
}) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The prompt has the focus at first, and again when `/` is typed elsewhere. */
function useFocusKey(prompt: RefObject<HTMLTextAreaElement | null>): void {
  useEffect(() => {
    prompt.current?.focus();
    const focusPrompt = (event: globalThis.KeyboardEvent) => {
      if (event.key !== '/' || (event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog'))) return;
      event.preventDefault();
      prompt.current?.focus();
    };
    document.addEventListener('keydown', focusPrompt);
    return () => document.removeEventListener('keydown', focusPrompt);
  }, [prompt]);
}

/** What the draft would cost, or why it would be refused. */
function useQuote(api: Api, draft: Draft, start: Start | undefined): { quote?: Quote; objection?: string } {
  const [answer, setAnswer] = useState<{ quote?: Quote; objection?: string }>({});
  useEffect(() => {
    if (draft.prompt.trim() === '') return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.quote(requestOf(draft, start), abort.signal).then(
        (quote) => setAnswer({ quote }),
        (error: unknown) => {
          if (!abort.signal.aborted) setAnswer({ objection: messageOf(error) });
        },
      );
    }, quoteDelayMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [api, draft, start]);
  return draft.prompt.trim() === '' ? {} : answer;
}
