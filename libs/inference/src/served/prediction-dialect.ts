import { type PredictionManifest, repeatCosts } from '@tessera/models/served-manifest.js';
import { servedSettings } from '@tessera/models/server-kinds.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { deadlineExceeded, internal, invalidArgument, TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { z } from 'zod';
import { type HttpAnswer, NoAnswer } from './http-call.js';
import { type Delivery, Dialect, type Order } from './order.js';
import { PaidRequests } from './paid-requests.js';
import { fetchPicture } from './results.js';
import type { ServerAccess } from './server-access.js';
import { jsonOf, oneLine } from './server-answers.js';
import { maskPicture } from './source.js';

const firstPollMs = 250;
const longestPollMs = 5_000;
const pollWithinMs = 30_000;
/** The caller has gone; the provider should stop, and is not waited for longer. */
const cancelWithinMs = 5_000;
/** How providers' filters say no, in the sentence of a failed prediction. */
const contentWords = /nsfw|safety|sensitive|moderat|content polic|flagged/i;

const prediction = z.object({
  // It becomes a part of a path.
  id: z.string().regex(/^[\w-]{1,128}$/),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
});
type Prediction = z.infer<typeof prediction>;
const outputs = z.union([z.string().transform((link) => [link]), z.array(z.string()).min(1)]);

/** Replicate's API and its like (https://replicate.com/docs/reference/http): a prediction is created, polled until it has ended, and cancelled when nobody waits any more. */
export class PredictionDialect extends Dialect {
  constructor(
    private readonly family: PredictionManifest,
    private readonly access: ServerAccess,
    private readonly logger: Logger,
  ) {
    super();
  }

  override async generate(order: Order, signal: AbortSignal): Promise<Delivery> {
    const requests = new PaidRequests(this.access, { modelId: order.modelId, repeatCosts: repeatCosts(this.family), notBegunStatuses: [] });
    const { route, version } = this.#target(order);
    const body = Buffer.from(JSON.stringify({ ...version, input: await this.#input(order) }));
    const answer = await requests.send(route, { headers: { 'content-type': 'application/json' }, body }, signal);
    order.begun();
    const created = predictionIn(answer);
    if (!created) throw internal('painting_failed', `The server of ${order.modelId} did not answer a prediction.`);
    const ended = await this.#ended(created, order, signal);
    return { pictures: await this.#pictures(ended, order, signal) };
  }

  /** Nothing on this wire is free to ask for everywhere; jobs tell. */
  override async check(): Promise<void> {
    await this.access.requireKey();
  }

  /** `owner/name` is the newest version of a model, what follows a colon (or stands alone) a version. */
  #target({ modelId }: Order): { route: string; version?: { version: string } } {
    const remoteModel = this.family.variants.find((variant) => variant.modelId === modelId)?.remoteModel ?? '';
    const [name = '', version] = remoteModel.split(':', 2);
    if (version !== undefined || !name.includes('/')) return { route: 'predictions', version: { version: version ?? name } };
    return { route: `models/${name.split('/').map(encodeURIComponent).join('/')}/predictions` };
  }

  async #input(order: Order): Promise<Record<string, unknown>> {
    const { input: names, constants } = this.family;
    const input: Record<string, unknown> = { ...constants, [names.prompt]: order.prompt };
    const put = (name: string | undefined, value: unknown) => {
      if (name !== undefined) input[name] = value;
    };
    for (const setting of servedSettings) if (order[setting] !== '') put(names[setting], order[setting]);
    put(names.width, order.widthPx);
    put(names.height, order.heightPx);
    put(names.aspectRatio, aspectRatio(order));
    if (order.source) {
      const { picture, strength, inpaint } = order.source;
      put(names.image, dataUrl(picture));
      if (inpaint && names.mask !== undefined) put(names.mask, dataUrl(await maskPicture(inpaint, 'white')));
      put(names.promptStrength, 1 - strength);
    }
    return input;
  }

  /** Asks by the id until it has ended: a connection that breaks here costs a repeated question, not a second prediction. */
  async #ended(created: Prediction, order: Order, signal: AbortSignal): Promise<Prediction> {
    const endMs = performance.now() + this.access.withinMs;
    let latest = created;
    for (let waitMs = firstPollMs; !hasEnded(latest); waitMs = Math.min(longestPollMs, 1.5 * waitMs)) {
      await pause(waitMs, signal);
      if (signal.aborted || performance.now() > endMs) {
        await this.#cancel(created.id);
        if (signal.aborted)
          throw new TesseraError('Cancelled', 'outcome_unknown', `The prediction of ${order.modelId} was stopped on its way.`);
        throw deadlineExceeded(
          'outcome_unknown',
          `The prediction of ${order.modelId} has not ended in time. It was cancelled, and is not made again.`,
        );
      }
      latest = (await this.#poll(created.id, order, signal)) ?? latest;
    }
    return latest;
  }

  /** Undefined: nothing was learned, which a later question may change. */
  async #poll(id: string, { modelId }: Order, signal: AbortSignal): Promise<Prediction | undefined> {
    const answer = await this.access.call('GET', `predictions/${id}`, { signal, withinMs: pollWithinMs }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      return undefined;
    });
    if (!answer || answer.status >= 500 || answer.status === 429) return undefined;
    const found = predictionIn(answer);
    if (answer.status !== 200 || found?.id !== id)
      throw internal('painting_failed', `The server of ${modelId} does not know its own prediction any more (${answer.status}).`);
    return found;
  }

  async #cancel(id: string): Promise<void> {
    try {
      await this.access.call('POST', `predictions/${id}/cancel`, { signal: new AbortController().signal, withinMs: cancelWithinMs });
    } catch (error) {
      this.logger.warn({ err: error, predictionId: id }, 'a prediction could not be cancelled; its provider may charge for it');
    }
  }

  async #pictures({ status, error, output }: Prediction, order: Order, signal: AbortSignal): Promise<Uint8Array[]> {
    if (status !== 'succeeded') {
      const words = await this.access.withoutKey(oneLine(typeof error === 'string' ? error : `status ${status}`));
      if (contentWords.test(words))
        throw invalidArgument('content_refused', `The provider of ${order.modelId} refuses this picture: ${words}`);
      throw internal('painting_failed', `The server of ${order.modelId} failed: ${words}`);
    }
    const links = outputs.safeParse(output);
    if (!links.success || links.data.length !== order.pictures)
      throw internal('painting_failed', `The server of ${order.modelId} did not answer the picture that it was asked for.`);
    const pictures: Uint8Array[] = [];
    // Its links expire within the hour.
    for (const link of links.data) pictures.push(await fetchPicture(this.access, link, order.modelId, signal));
    return pictures;
  }
}

function predictionIn({ body }: HttpAnswer): Prediction | undefined {
  const parsed = prediction.safeParse(jsonOf(body));
  return parsed.success ? parsed.data : undefined;
}

const hasEnded = ({ status }: Prediction): boolean => ['succeeded', 'failed', 'canceled', 'aborted'].includes(status);

const dataUrl = (png: Uint8Array): string => `data:image/png;base64,${Buffer.from(png).toString('base64')}`;

function aspectRatio({ widthPx, heightPx }: Order): string {
  const divisor = greatestDivisor(widthPx, heightPx);
  return `${widthPx / divisor}:${heightPx / divisor}`;
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
