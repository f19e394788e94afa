import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { billLines, tokensText } from '../bill-text.js';
import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { Generations, type GenerationRequest, type PictureJob, type PictureOperation } from '../generations.js';
import { dataFolder } from '../places.js';
import { followJob } from './generate.js';

export type PictureOptions = { readonly [name in 'model' | 'engine' | 'data']?: string } & {
  readonly out: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
};
export type UpscaleOptions = PictureOptions & { readonly [name in 'factor' | 'width' | 'height']?: string };

export function upscale(picture: string, options: UpscaleOptions): Promise<number> {
  const body = {
    factor: numberOf('--factor', options.factor),
    width: numberOf('--width', options.width),
    height: numberOf('--height', options.height),
  };
  return operate(picture, 'upscale', body, options, ({ width, height }) => `${width}x${height}`);
}

export function cutOut(picture: string, options: PictureOptions): Promise<number> {
  return operate(picture, 'remove-background', {}, options, () => 'cut-out');
}

/** A file is uploaded; anything else is the id of a picture that the server has. */
async function operate(
  picture: string,
  operation: PictureOperation,
  body: GenerationRequest,
  options: PictureOptions,
  endingOf: (job: Pick<PictureJob, 'width' | 'height'>) => string,
): Promise<number> {
  const work = async (generations: Generations): Promise<number> => {
    const startMs = performance.now();
    const isFile = existsSync(picture) || path.extname(picture) !== '';
    const id = isFile ? await generations.upload(picture) : picture;
    const asked = { ...body, modelId: options.model };
    if (options.dryRun) return showPrice(await generations.priceOf(id, operation, asked), options);
    const job = await generations.operate(id, operation, asked, randomUUID());
    const name = isFile ? path.parse(picture).name : picture;
    const out = (extension: string) =>
      path.extname(options.out) === '' ? path.join(options.out, `${name}-${endingOf(job)}${extension}`) : options.out;
    return followJob(generations, job.generationId, name, { ...options, out }, startMs);
  };
  return withConnection(
    dataFolder(options.data),
    ({ api }) => work(new Generations(api)),
    options.engine ? { engine: options.engine } : {},
  );
}

/** Ranges are the server's business. */
function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) throw new CommandFailure(`${name} needs a number, not "${text}".`, exitCodes.refused);
  return number;
}

function showPrice({ width, height, quote }: Omit<PictureJob, 'generationId'>, { json }: PictureOptions): number {
  if (json) process.stdout.write(`${JSON.stringify({ width, height, quote })}\n`);
  else {
    for (const line of [`${width}x${height} · nothing done`, ...billLines(quote.lines)]) process.stdout.write(`${line}\n`);
    process.stdout.write(`would cost ${tokensText(quote.totalTokens, quote.wallet)}\n`);
  }
  return 0;
}
