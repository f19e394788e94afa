import type { InpaintInput } from '../pictures/inpaint-input.js';

/** An init image as it is sent: PNG of the delivered size. */
export type Source = {
  readonly picture: Uint8Array;
  /** 0 ignores it, 1 keeps it. */
  readonly strength: number;
  /** What stays, and what is generated anew; absent: all of it may change. */
  readonly inpaint?: InpaintInput;
};

/** Some pictures of one request, as one request to a server. */
export type Order = {
  /** The same for the same pictures of the same request, whoever asks again. */
  readonly name: string;
  readonly modelId: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Of the first picture. */
  readonly seed: number;
  readonly pictures: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly source?: Source | undefined;
  /** Told as soon as the server is at work: from then on it may have to be paid. */
  readonly begun: () => void;
};

/** What comes of an order: encoded pictures, in order. */
export type Delivery = {
  readonly pictures: readonly Uint8Array[];
  /** The prompt as the provider has rewritten it. */
  readonly revisedPrompt?: string;
};

/** One wire. */
export abstract class Dialect {
  /** Errors: those of `verdictOn`; DeadlineExceeded `outcome_unknown` where a repeat could be paid for twice; Cancelled. */
  abstract generate(order: Order, signal: AbortSignal): Promise<Delivery>;
  /** Whether the server is there and lets us in, at no cost; throws what is wrong. */
  abstract check(signal: AbortSignal): Promise<void>;
}
