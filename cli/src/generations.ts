import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { refusalOf, type Api } from './api.js';
import type { BillLine } from './bill-text.js';
import { serverSentEvents } from './event-stream.js';
import { CommandFailure, exitCodes } from './failure.js';

/** The gateway's wire, as far as the command line reads it. What is not needed is not described. */
export type Quote = { readonly wallet?: string; readonly lines: readonly BillLine[]; readonly totalTokens: number };
export type PictureLink = {
  readonly id: string;
  readonly url: string;
  readonly tessera?: { readonly width: number; readonly height: number; readonly contentType: string };
};
type RequestWire = { readonly imageWidth: number; readonly imageHeight: number; readonly inferenceSteps: number; readonly seed?: number };
export type JobDetails = {
  readonly state: string;
  readonly model: string;
  readonly operation?: { readonly kind: string };
  readonly notices: readonly { readonly kind: string; readonly message: string }[];
  readonly failureReason?: string;
  readonly failureMessage?: string;
  readonly lane: string;
  readonly queuePosition: number;
  readonly timings?: { readonly queuedMs: number; readonly paintingMs: number; readonly storingMs: number };
};
export type Generation = RequestWire & {
  readonly id: string;
  readonly status: string;
  readonly createdAt: string;
  readonly generated_images: readonly PictureLink[];
  readonly tessera: JobDetails;
};
export type DryRun = { readonly request: RequestWire; readonly model: string; readonly quote: Quote };
export type Bill = {
  readonly state: string;
  readonly lane: string;
  readonly chargedLines: readonly BillLine[];
  readonly chargedTokens: number;
  readonly wallet: string;
  readonly returnedTokens: number;
  readonly balanceTokens: number;
};

export type GenerationRequest = Readonly<Record<string, string | number | boolean | readonly object[] | undefined>>;
export type PictureOperation = 'upscale' | 'remove-background';
export type PictureJob = { readonly generationId: string; readonly width: number; readonly height: number; readonly quote: Quote };
export type JobUpdate =
  | { readonly type: 'state'; readonly state: string; readonly queuePosition: number }
  | { readonly type: 'progress'; readonly step: number; readonly steps: number };

const base = '/api/rest/v1';
/** The server answers when the job changes or this is over; short enough for proxies, long enough to ask seldom. */
const waitMs = 20_000;
const billWaitMs = 10_000;
const finalStates = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'rejected']);

/** What the command line does with jobs, in the API's terms. */
export class Generations {
  constructor(private readonly api: Api) {}

  async create(request: GenerationRequest, idempotencyKey: string): Promise<string> {
    const { sdGenerationJob } = await this.api.post<{ sdGenerationJob: { generationId: string } }>(`${base}/generations`, {
      body: request,
      idempotencyKey,
    });
    return sdGenerationJob.generationId;
  }

  async dryRun(request: GenerationRequest): Promise<DryRun> {
    const { sdGenerationJob } = await this.api.post<{ sdGenerationJob: { tessera: DryRun } }>(`${base}/generations?dryRun=true`, {
      body: request,
    });
    return sdGenerationJob.tessera;
  }

  /** Has something done with a picture that is there: the job, and the size of what it delivers. */
  operate(pictureId: string, operation: PictureOperation, body: GenerationRequest, idempotencyKey: string): Promise<PictureJob> {
    return this.api.post(`${base}/pictures/${encodeURIComponent(pictureId)}/${operation}`, { body, idempotencyKey });
  }

  priceOf(pictureId: string, operation: PictureOperation, body: GenerationRequest): Promise<Omit<PictureJob, 'generationId'>> {
    return this.api.post(`${base}/pictures/${encodeURIComponent(pictureId)}/${operation}?dryRun=true`, { body });
  }

  async get(id: string): Promise<Generation> {
    return (await this.api.get<{ generations_by_pk: Generation }>(`${base}/generations/${id}`)).generations_by_pk;
  }

  /** The finished job. Waits on the server's side, however long it takes. */
  async finished(id: string): Promise<Generation> {
    for (;;) {
      const { generations_by_pk: generation } = await this.api.get<{ generations_by_pk: Generation }>(
        `${base}/generations/${id}?wait=${waitMs}`,
      );
      if (finalStates.has(generation.tessera.state)) return generation;
    }
  }

  /** Progress while there is some. A stream that breaks off is no failure: `finished` knows the end. */
  async *watch(id: string): AsyncIterable<JobUpdate> {
    const answer = await this.api.open('GET', `${base}/generations/${id}/events`);
    if (!answer.body) return;
    try {
      for await (const { event, data } of serverSentEvents(answer.body)) {
        const update = updateOf(event, data);
        if (update) yield update;
        if (event === 'done') return;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }

  cancel(id: string): Promise<unknown> {
    return this.api.post(`${base}/generations/${id}/cancel`);
  }

  bill(id: string): Promise<Bill> {
    return this.api.get(`${base}/generations/${id}/bill?wait=${billWaitMs}`);
  }

  async download(link: PictureLink): Promise<Uint8Array> {
    const answer = await this.api.reach(new URL(link.url));
    if (!answer.ok) throw await refusalOf(answer);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Uploads a picture to start from, the way Leonardo's clients do: ask for a signed form, then post it. */
  async upload(file: string, account?: string): Promise<string> {
    const extension = path.extname(file).slice(1).toLowerCase();
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw new CommandFailure(
        `Cannot read ${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}.`,
        exitCodes.refused,
      );
    });
    const { uploadInitImage } = await this.api.post<{ uploadInitImage: { id: string; url: string; fields: string } }>(
      `${base}/init-image`,
      { body: { extension }, account },
    );
    const form = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(uploadInitImage.fields) as Record<string, string>)) form.append(name, value);
    form.append('file', new Blob([bytes]), path.basename(file));
    const answer = await this.api.reach(new URL(uploadInitImage.url), { method: 'POST', body: form });
    if (!answer.ok) throw await refusalOf(answer);
    return uploadInitImage.id;
  }
}

function updateOf(event: string, data: string): JobUpdate | undefined {
  if (event === 'progress') {
    const { step, steps } = JSON.parse(data) as { step: number; steps: number };
    return { type: 'progress', step, steps };
  }
  if (event !== 'state') return undefined;
  const { tessera } = JSON.parse(data) as Generation;
  return { type: 'state', state: tessera.state, queuePosition: tessera.queuePosition };
}
