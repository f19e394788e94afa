import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isUuid } from '@tessera/platform/ids.js';
import { billLines, timingText, tokensText } from '../bill-text.js';
import { withConnection } from '../connection.js';
import { CommandFailure, exitCodes } from '../failure.js';
import { Generations, type Bill, type DryRun, type Generation, type GenerationRequest } from '../generations.js';
import { bar, createProgressLine, type ProgressLine } from '../job-progress.js';
import { pictureFile, savePicture } from '../picture-files.js';
import { dataFolder } from '../places.js';
import { parseSize } from '../sizes.js';
import { drawPicture, pictureProtocol } from '../terminal-picture.js';
import { formatBytes, formatCount } from '../texts.js';

export type GenerateOptions = {
  readonly [
    name in
      | 'model'
      | 'size'
      | 'images'
      | 'seed'
      | 'negative'
      | 'steps'
      | 'guidance'
      | 'style'
      | 'init'
      | 'strength'
      | 'mask'
      | 'unzoom'
      | 'engine'
      | 'models'
      | 'data'
  ]?: string;
} & { readonly [kind in GuidanceKind]?: readonly string[] } & {
  readonly out: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
};

type SavedPicture = { readonly file: string; readonly widthPx: number; readonly heightPx: number; readonly bytes: Uint8Array };

/** Paints, saves, and shows what it cost. */
export async function generate(prompt: string, options: GenerateOptions): Promise<number> {
  const work = async (generations: Generations): Promise<number> => {
    const request = await requestOf(prompt, options, generations);
    return options.dryRun ? showDryRun(await generations.dryRun(request), options) : runGeneration(generations, prompt, request, options);
  };
  return withConnection(dataFolder(options.data), ({ api }) => work(new Generations(api)), {
    engine: options.engine,
    models: options.models,
  });
}

async function requestOf(prompt: string, options: GenerateOptions, generations: Generations): Promise<GenerationRequest> {
  const size = options.size === undefined ? undefined : parseSize(options.size);
  const request = {
    prompt,
    negative_prompt: options.negative,
    modelId: options.model,
    width: size?.widthPx,
    height: size?.heightPx,
    num_images: numberOf('--images', options.images),
    num_inference_steps: numberOf('--steps', options.steps),
    guidance_scale: numberOf('--guidance', options.guidance),
    seed: numberOf('--seed', options.seed),
    presetStyle: options.style?.toUpperCase().replaceAll('-', '_'),
    init_strength: numberOf('--strength', options.strength),
  };
  const controlnets = await controlnetsOf(options, generations);
  const starting = await startingPictureOf(options, generations);
  return { ...request, ...registeredCharacterOf(options), ...starting, ...(controlnets.length > 0 ? { controlnets } : {}) };
}

async function startingPictureOf({ init, mask, unzoom }: GenerateOptions, generations: Generations): Promise<GenerationRequest> {
  if (init === undefined) {
    if (mask !== undefined || unzoom !== undefined)
      throw new CommandFailure(`${mask === undefined ? '--unzoom' : '--mask'} needs a picture: give one with --init.`, exitCodes.refused);
    return {};
  }
  const unzoomAmount = numberOf('--unzoom', unzoom);
  return {
    init_image_id: await generations.upload(init),
    ...(mask === undefined ? {} : { init_mask_id: await generations.upload(mask) }),
    ...(unzoomAmount === undefined ? {} : { unzoom: true, unzoomAmount }),
  };
}

const guidanceKinds = ['edges', 'depth', 'pose', 'style-from', 'content', 'character'] as const;
type GuidanceKind = 'edges' | 'depth' | 'pose' | 'styleFrom' | 'content' | 'character';

/** A file, then perhaps a strength, then perhaps a word; what does not look like the latter two belongs to the file's name. */
const guidePattern = /^(?<file>.+?)(?::(?<strength>\d*\.?\d+))?(?::(?<subject>[\p{L}\p{N} '-]+))?$/u;
/** Leonardo's weights go from 0 to 2. */
const weightPerStrength = 2;

async function controlnetsOf(options: GenerateOptions, generations: Generations): Promise<object[]> {
  const controlnets: object[] = [];
  for (const kind of guidanceKinds) {
    for (const text of options[kind === 'style-from' ? 'styleFrom' : kind] ?? []) {
      if (kind === 'character' && registeredCharacter(text)) continue;
      const { file = text, strength, subject } = existsSync(text) ? {} : (guidePattern.exec(text)?.groups ?? {});
      const weight = strength === undefined ? undefined : Number(strength) * weightPerStrength;
      controlnets.push({
        initImageId: await generations.upload(file),
        preprocessorId: kind === 'style-from' ? 'style' : kind,
        weight,
        subject,
      });
    }
  }
  return controlnets;
}

/** `<id[:word]>` names a character that is registered, where a file is one that is not. */
const registeredCharacter = (text: string): { readonly id: string; readonly word: string | undefined } | undefined => {
  const [id = '', word, ...rest] = text.split(':');
  return isUuid(id) && rest.length === 0 ? { id, word } : undefined;
};

function registeredCharacterOf({ character = [] }: GenerateOptions): GenerationRequest {
  const [first, ...others] = character.flatMap((text) => registeredCharacter(text) ?? []);
  if (others.length > 0) throw new CommandFailure('One registered character can be in a picture, not several.', exitCodes.refused);
  return first ? { characterId: first.id, characterSubject: first.word } : {};
}

/** Ranges are the server's business; only what is no number at all is refused here. */
function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) throw new CommandFailure(`${name} needs a number, not "${text}".`, exitCodes.refused);
  return number;
}

async function runGeneration(
  generations: Generations,
  prompt: string,
  request: GenerationRequest,
  options: GenerateOptions,
): Promise<number> {
  const startMs = performance.now();
  return followJob(generations, await generations.create(request, randomUUID()), prompt, options, startMs);
}

/** From a job that was taken to its pictures on the disk and its bill. `name` is what the files are called after; `out` may be a name of its own for each extension. */
export async function followJob(
  generations: Generations,
  id: string,
  name: string,
  options: Pick<GenerateOptions, 'json' | 'quiet'> & { readonly out: string | ((extension: string) => string) },
  startMs: number,
): Promise<number> {
  const isSilent = Boolean(options.json || options.quiet);
  const forget = cancelOnInterrupt(generations, id);
  const progress = createProgressLine(process.stderr, isSilent);
  try {
    if (!isSilent) process.stdout.write(`${headerOf(await generations.get(id))}\n`);
    await follow(generations, id, progress);
    const generation = await generations.finished(id);
    progress.clear();
    const pictures = generation.tessera.state === 'succeeded' ? await save(generations, generation, name, options.out) : [];
    const totalMs = performance.now() - startMs;
    const bill = await generations.bill(id);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ generation, files: pictures.map(({ file }) => file), bill, seconds: totalMs / 1000 })}\n`);
    else await show(generation, pictures, bill, totalMs, Boolean(options.quiet));
    return outcome(generation, bill);
  } finally {
    progress.clear();
    forget();
  }
}

const headerOf = ({ tessera, imageWidth, imageHeight, inferenceSteps, seed }: Generation) =>
  tessera.operation
    ? `${tessera.model} · ${tessera.operation.kind.replaceAll('_', ' ')} · ${imageWidth}x${imageHeight}`
    : `${tessera.model} · ${imageWidth}x${imageHeight} · ${inferenceSteps} steps · seed ${seed ?? 'unknown'}`;

async function follow(generations: Generations, id: string, progress: ProgressLine): Promise<void> {
  for await (const update of generations.watch(id)) {
    if (update.type === 'progress') progress.show(`queued ▸ painting ${bar(update.step, update.steps)}`);
    else if (update.state === 'queued') progress.show(update.queuePosition > 0 ? `queued, ${update.queuePosition} ahead` : 'queued');
    else if (update.state === 'running') progress.show('queued ▸ painting');
  }
}

async function save(
  generations: Generations,
  generation: Generation,
  prompt: string,
  out: string | ((extension: string) => string),
): Promise<SavedPicture[]> {
  const links = generation.generated_images;
  const bytes = await Promise.all(links.map((link) => generations.download(link)));
  return links.flatMap((link, index) => {
    const picture = bytes[index];
    if (!picture) return [];
    const extension = link.tessera?.contentType === 'image/jpeg' ? '.jpg' : link.tessera?.contentType === 'image/webp' ? '.webp' : '.png';
    const wanted =
      typeof out === 'function'
        ? out(extension)
        : pictureFile({ out, prompt, seed: generation.seed ?? 0, index, count: links.length, extension });
    const file = savePicture(wanted, picture, (name) => (existsSync(name) ? readFileSync(name) : undefined));
    return [
      {
        file,
        widthPx: link.tessera?.width ?? generation.imageWidth,
        heightPx: link.tessera?.height ?? generation.imageHeight,
        bytes: picture,
      },
    ];
  });
}

async function show(
  generation: Generation,
  pictures: readonly SavedPicture[],
  bill: Bill,
  totalMs: number,
  isQuiet: boolean,
): Promise<void> {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const nameColumns = Math.max(...pictures.map(({ file }) => file.length), 0);
  if (isQuiet) {
    for (const { file } of pictures) print(file);
    return;
  }
  const protocol = pictureProtocol(process.env, process.stdout.isTTY);
  for (const { bytes } of pictures) process.stdout.write(await drawPicture(bytes, protocol));
  for (const { message } of generation.tessera.notices) print(`note: ${message}`);
  for (const { file, widthPx, heightPx, bytes } of pictures)
    print(`${file.padEnd(nameColumns)}   ${widthPx}x${heightPx}   ${formatBytes(bytes.byteLength)}`);
  for (const line of billLines(bill.chargedLines)) print(line);
  const { queuedMs = 0, paintingMs = 0, storingMs = 0 } = generation.tessera.timings ?? {};
  const money = `charged ${tokensText(bill.chargedTokens, bill.wallet)}${bill.lane ? ` (${bill.lane})` : ''} · balance ${formatCount(bill.balanceTokens)}`;
  print(`${money} · job ${generation.id} · ${timingText({ totalMs, queuedMs, paintingMs, storingMs })}`);
}

function outcome({ tessera, id }: Generation, bill: Bill): number {
  if (tessera.state === 'succeeded') return 0;
  const cost = bill.returnedTokens > 0 ? ` ${tokensText(bill.returnedTokens, bill.wallet)} returned.` : ' Nothing was charged.';
  if (tessera.state === 'cancelled') throw new CommandFailure(`Cancelled.${cost}`, exitCodes.interrupted);
  throw new CommandFailure(
    `The job ${tessera.state}: ${tessera.failureMessage ?? tessera.failureReason ?? 'no reason was given'}.${cost}`.replaceAll('..', '.'),
    exitCodes.failed,
    `Job ${id}`,
  );
}

/** The first Ctrl-C asks the server to stop, the normal course then reports the end; the second leaves at once. */
function cancelOnInterrupt(generations: Generations, id: string): () => void {
  let isCancelling = false;
  const onInterrupt = () => {
    if (isCancelling) process.exit(exitCodes.interrupted);
    isCancelling = true;
    process.stderr.write('\nCancelling…\n');
    generations
      .cancel(id)
      .catch((error: unknown) => process.stderr.write(`Could not cancel: ${error instanceof Error ? error.message : String(error)}\n`));
  };
  process.on('SIGINT', onInterrupt);
  return () => process.off('SIGINT', onInterrupt);
}

function showDryRun({ model, request, quote }: DryRun, { json }: GenerateOptions): number {
  if (json) {
    process.stdout.write(`${JSON.stringify({ model, request, quote })}\n`);
    return 0;
  }
  process.stdout.write(`${model} · ${request.imageWidth}x${request.imageHeight} · ${request.inferenceSteps} steps · not painted\n`);
  for (const line of billLines(quote.lines)) process.stdout.write(`${line}\n`);
  process.stdout.write(`would cost ${tokensText(quote.totalTokens, quote.wallet)}\n`);
  return 0;
}
