import { createHash } from 'node:crypto';
import { ignoredSettings, type OpenAiServerManifest, repeatCosts } from '@tessera/models/served-manifest.js';
import { servedSettings, serverKind, type ServerKind } from '@tessera/models/server-kinds.js';
import { internal } from '@tessera/platform/errors.js';
import { z } from 'zod';
import type { HttpAnswer } from './http-call.js';
import { type Delivery, Dialect, type Order } from './order.js';
import { PaidRequests } from './paid-requests.js';
import { checkRoute, fetchPicture } from './results.js';
import type { ServerAccess } from './server-access.js';
import { jsonOf, oneLine } from './server-answers.js';
import { maskPicture } from './source.js';

const imagesAnswer = z.object({
  data: z.array(z.object({ b64_json: z.string().nullish(), url: z.string().nullish(), revised_prompt: z.string().nullish() })),
});

type Fields = Readonly<Record<string, string | number | boolean>>;

/** OpenAI's Images API and what others have made of it: `images/generations` as JSON, `images/edits` as a form. */
export class OpenAiDialect extends Dialect {
  readonly #kind: ServerKind;

  constructor(
    private readonly family: OpenAiServerManifest,
    private readonly access: ServerAccess,
  ) {
    super();
    this.#kind = serverKind(family.kind);
  }

  override async generate(order: Order, signal: AbortSignal): Promise<Delivery> {
    const requests = new PaidRequests(this.access, {
      modelId: order.modelId,
      repeatCosts: repeatCosts(this.family),
      notBegunStatuses: this.#kind.notBegunStatuses,
    });
    const fields = this.#fields(order);
    const answer = order.source
      ? await requests.send('images/edits', await this.#form(fields, order), signal)
      : await requests.send('images/generations', jsonRequest(order, fields), signal);
    order.begun();
    return this.#delivery(answer, order, signal);
  }

  override check(signal: AbortSignal): Promise<void> {
    return checkRoute(this.access, this.#kind.healthRoute, this.family.variants[0]?.modelId ?? '', signal);
  }

  #fields(order: Order): Fields {
    const ignored = ignoredSettings(this.family);
    const fields: Record<string, string | number | boolean> = {
      ...this.family.constants,
      model: this.family.variants.find(({ modelId }) => modelId === order.modelId)?.remoteModel ?? '',
      prompt: order.prompt,
      n: order.pictures,
      size: `${order.widthPx}x${order.heightPx}`,
      ...(this.#kind.responseFormat ? { response_format: this.#kind.responseFormat } : {}),
    };
    for (const setting of servedSettings) {
      const name = setting === 'guidanceScale' && this.#kind.fields[setting] ? this.#guidanceArgument() : this.#kind.fields[setting];
      if (name !== undefined && !ignored.includes(setting) && order[setting] !== '') fields[name] = order[setting];
    }
    return fields;
  }

  #guidanceArgument(): string {
    return this.family.guidanceArgument;
  }

  async #form(fields: Fields, { source }: Order) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
    const { edits } = this.#kind;
    if (source && edits) {
      form.append(edits.imageField, pngBlob(source.picture), 'image.png');
      if (source.inpaint && edits.mask)
        form.append(edits.mask.field, pngBlob(await maskPicture(source.inpaint, edits.mask.repaints)), 'mask.png');
    }
    const encoded = new Response(form);
    return {
      headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
      body: new Uint8Array(await encoded.arrayBuffer()),
    };
  }

  async #delivery(answer: HttpAnswer, order: Order, signal: AbortSignal): Promise<Delivery> {
    const parsed = imagesAnswer.safeParse(jsonOf(answer.body));
    if (!parsed.success || parsed.data.data.length !== order.pictures)
      throw internal('painting_failed', `The server of ${order.modelId} did not answer the pictures that it was asked for.`);
    const pictures: Uint8Array[] = [];
    for (const { b64_json: base64, url } of parsed.data.data) {
      if (base64) pictures.push(Buffer.from(base64, 'base64'));
      else pictures.push(await fetchPicture(this.access, url ?? '', order.modelId, signal));
    }
    const revised = oneLine(parsed.data.data[0]?.revised_prompt ?? '');
    return { pictures, ...(revised === '' || revised === oneLine(order.prompt) ? {} : { revisedPrompt: revised }) };
  }
}

/** The key says who asks for what: the same attempt of the same job is recognised, and nothing else is. */
function jsonRequest(order: Order, fields: Fields) {
  const body = Buffer.from(JSON.stringify(fields));
  const key = createHash('sha256').update(order.name).update('\n').update(body).digest('hex');
  return { headers: { 'content-type': 'application/json', 'idempotency-key': key }, body };
}

const pngBlob = (bytes: Uint8Array): Blob => new Blob([new Uint8Array(bytes)], { type: 'image/png' });
