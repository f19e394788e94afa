import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { messageOf, type Api } from './api.js';
import type { Model, Quote, Request } from './wire.js';

const sizes = ['512x512', '512x384', '384x512', '512x288', '288x512'];
const styles = ['NONE', 'CINEMATIC', 'VIBRANT', 'MONOCHROME', 'ILLUSTRATION', 'RENDER_3D'];
/** A price is asked for when typing pauses. */
const quoteDelayMs = 350;

const titled = (name: string) => name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ');

type Draft = { prompt: string; negative: string; model: string; size: string; images: string; seed: string; style: string };
const empty: Draft = { prompt: '', negative: '', model: '', size: '512x512', images: '1', seed: '', style: 'NONE' };

function requestOf(draft: Draft): Request {
  const [width = 512, height = 512] = draft.size.split('x').map(Number);
  return {
    prompt: draft.prompt.trim(),
    width,
    height,
    num_images: Number(draft.images),
    presetStyle: draft.style,
    ...(draft.negative.trim() === '' ? {} : { negative_prompt: draft.negative.trim() }),
    ...(draft.model === '' ? {} : { modelId: draft.model }),
    ...(draft.seed.trim() === '' ? {} : { seed: Number(draft.seed) }),
  };
}

/** The words and the few choices around them, with the price on the button. */
export function PromptForm({ api, models, onCreate }: { api: Api; models: readonly Model[]; onCreate: (request: Request) => Promise<void> }) {
  const [draft, setDraft] = useState(empty);
  const [isSending, setSending] = useState(false);
  const prompt = useRef<HTMLTextAreaElement>(null);
  const { quote, objection } = useQuote(api, draft);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const model = models.find(({ id }) => id === draft.model) ?? models.find(({ tessera }) => tessera.isDefault);

  useEffect(() => {
    prompt.current?.focus();
    const focusPrompt = (event: globalThis.KeyboardEvent) => {
      if (event.key !== '/' || (event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog'))) return;
      event.preventDefault();
      prompt.current?.focus();
    };
    document.addEventListener('keydown', focusPrompt);
    return () => document.removeEventListener('keydown', focusPrompt);
  }, []);

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (draft.prompt.trim() === '' || isSending) return;
    setSending(true);
    await onCreate(requestOf(draft));
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
      <Options draft={draft} set={set} models={models} maxImages={model?.tessera.maxImages ?? 4} />
      <div className="send">
        <output id="price" className={objection ? 'refusal' : 'quiet'} aria-live="polite">
          {objection || (quote ? quote.lines.map(({ description, tokens }) => `${description}: ${tokens}`).join(' · ') : 'Enter paints, Shift+Enter starts a new line, / comes back here.')}
        </output>
        <button type="submit" className="primary" disabled={isSending || draft.prompt.trim() === ''}>
          {quote && !objection ? `Paint · ${quote.totalTokens} ${quote.totalTokens === 1 ? 'token' : 'tokens'}` : 'Paint'}
        </button>
      </div>
    </form>
  );
}

function Options({ draft, set, models, maxImages }: { draft: Draft; set: (change: Partial<Draft>) => void; models: readonly Model[]; maxImages: number }) {
  return (
    <div className="options">
      <Choice label="Model" value={draft.model} onChange={(model) => set({ model })} options={[['', 'Default'], ...models.map(({ id, name }): [string, string] => [id, name])]} />
      <Choice label="Size" value={draft.size} onChange={(size) => set({ size })} options={sizes.map((size) => [size, size.replace('x', ' × ')])} />
      <Choice label="Images" value={draft.images} onChange={(images) => set({ images })} options={Array.from({ length: maxImages }, (_, at) => [String(at + 1), String(at + 1)])} />
      <Choice label="Style" value={draft.style} onChange={(style) => set({ style })} options={styles.map((style) => [style, titled(style)])} />
      <label>
        <span>Seed</span>
        <input type="number" min={0} step={1} placeholder="any" value={draft.seed} onChange={(event) => set({ seed: event.target.value })} />
      </label>
      <label className="wide">
        <span>Without</span>
        <input type="text" placeholder="what it should not show" value={draft.negative} onChange={(event) => set({ negative: event.target.value })} />
      </label>
    </div>
  );
}

function Choice({ label, value, onChange, options }: { label: string; value: string; onChange: (value: string) => void; options: [string, string][] }) {
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

/** What the draft would cost, or why it would be refused. */
function useQuote(api: Api, draft: Draft): { quote?: Quote; objection?: string } {
  const [answer, setAnswer] = useState<{ quote?: Quote; objection?: string }>({});
  useEffect(() => {
    if (draft.prompt.trim() === '') return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.quote(requestOf(draft), abort.signal).then(
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
  }, [api, draft]);
  return draft.prompt.trim() === '' ? {} : answer;
}
