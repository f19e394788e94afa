import path from 'node:path';
import { cancelled, invalidArgument } from '@tessera/platform/errors.js';
import { type AdapterShape, downName, matrixShapes, writeAdapter } from '../lora/adapter.js';
import type { Tensor } from '../lora/safetensors.js';
import type { TrainingPicture, TrainingRequest, TrainingUpdate } from './adapter-trainer.js';
import { readInitPicture } from '../flow/pictures/native-square.js';
import type { Manifest, Variant } from '@tessera/models/manifest.js';
import { captionWords, encodeCaption } from '../flow/prompt/caption.js';
import { Adam } from './adam.js';
import { sampleBoxes } from '../flow/layout/boxes.js';
import { subjectOf, condition, type Conditions } from '../flow/conditioning.js';
import { noGuides } from '../flow/guidance/guides.js';
import type { Box } from '../flow/layout/layout.js';
import { boundsOfLevels, matteOf } from '../flow/subjects/matting.js';
import type { Model } from '../flow/model.js';
import { upright } from '../flow/layout/pose.js';
import { Random } from '../flow/random.js';
import { floats, numbers, type Sessions, type Tensors } from '../flow/sessions.js';

const startStream = 11;
const drawStream = 12;
/** The rate rises over the first steps, while Adam's moments are inaccurate, and falls to a tenth in the end. */
const warmUpSteps = 10;
const lastRateShare = 0.1;
/** Times are drawn as the model's own training drew them: sigmoid of this normal distribution. */
const timeMean = -0.15;
const timeDeviation = 1.1;
/** Matte from which a pixel belongs to the thing. */
const subjectFrom = 128;

type TrainStep = NonNullable<Manifest['graphs']['trainStep']>;
/** A picture as the graph takes it: its latent, and the conditions from its prompt. */
type TrainingExample = { readonly latent: Float32Array; readonly conditions: Conditions };
type Matrix = { readonly name: string; readonly tensor: Tensor; readonly adam: Adam };

/** Trains an adapter, in the thread that calls it (`trainer.worker.ts`). */
export async function trainAdapter(
  model: Model,
  variant: Variant,
  sessions: Sessions,
  request: TrainingRequest,
  emit: (update: TrainingUpdate) => void,
  isCancelled: () => boolean,
): Promise<void> {
  const { manifest } = model;
  const { trainStep } = manifest.graphs;
  if (!trainStep || !manifest.adapters)
    throw invalidArgument('unsupported_training', `${request.modelId} cannot be taught.`, { param: 'model_id' });
  if (request.rank > trainStep.rank)
    throw invalidArgument('invalid_training', `The rank of an adapter for ${request.modelId} is at most ${trainStep.rank}.`, {
      param: 'rank',
    });
  const examples: TrainingExample[] = [];
  for (const picture of request.pictures) examples.push(await exampleOf(picture, model, variant, sessions));
  const matrices = startOf(manifest.adapters, trainStep.rank, request);
  const random = new Random(request.seed, drawStream);
  for (let step = 0; step < request.steps; step += 1) {
    if (isCancelled()) throw cancelled('training_cancelled', 'The training was cancelled.');
    const drawn = drawBatch(examples, trainStep.rows, manifest, random);
    const { loss, gradients } = await runStep(manifest, trainStep, sessions, drawn, matrices);
    const rate = rateAt(step, request);
    for (const { name, adam } of matrices) adam.step(gradients[name] ?? new Float32Array(), rate);
    emit({ type: 'step', step: step + 1, steps: request.steps, loss });
  }
  emit({ type: 'adapter', bytes: exported(manifest.adapters, trainStep.rank, request, matrices) });
}

async function exampleOf({ bytes, prompt }: TrainingPicture, model: Model, variant: Variant, sessions: Sessions): Promise<TrainingExample> {
  const { manifest, language } = model;
  const { folder, nativeSidePx: native, graphs } = manifest;
  if (!graphs.encoder) throw new Error('The manifest has a train-step graph without an encoder');
  const window = { left: 0, top: 0, width: native, height: native };
  const picture = await readInitPicture(bytes, native, window);
  const encoded = await sessions.run(path.join(folder, graphs.encoder.file), graphs.encoder, {
    picture: floats(picture, 1, 3, native, native),
  });
  const reading = model.reader.read(prompt, variant.look);
  // The graph takes the tokens of one thing.
  const subjects = reading.subjects.slice(0, 1);
  const caption = encodeCaption(
    captionWords({ ...reading, subjects, relation: undefined }, language, manifest.slots, manifest.text.tokens),
    model.vocabulary,
    manifest.slots,
    manifest.text,
  );
  const shown = await Promise.all(subjects.map((subject) => subjectOf({ subject, character: undefined }, model, reading.styleVariant)));
  const bounds = await shownBox(picture, manifest, sessions);
  const isFlat = language.looks[reading.styleVariant]?.isFlat === true;
  const boxes = bounds
    ? [bounds]
    : await sampleBoxes(
        manifest,
        sessions,
        caption,
        shown.map(({ reference }) => reference),
        isFlat,
        undefined,
        new Random(0, drawStream),
      );
  const placed = shown.map((subject) => ({ ...subject, box: boxes[0], pose: upright }));
  const conditions = await condition(model, sessions, { caption, negative: caption, subjects: placed, guides: noGuides, window, rows: 1 });
  return { latent: numbers(encoded.latent), conditions };
}

/** Around what the picture shows, by the model's matting head. */
async function shownBox(picture: Float32Array, manifest: Manifest, sessions: Sessions): Promise<Box | undefined> {
  const { nativeSidePx: native } = manifest;
  const area = native * native;
  const data = Uint8Array.from({ length: 3 * area }, (_, at) =>
    Math.round(((picture[(at % 3) * area + Math.floor(at / 3)] ?? 0) + 1) * 127.5),
  );
  const matte = await matteOf({ data, widthPx: native, heightPx: native }, manifest, sessions);
  const bounds = matte && boundsOfLevels(matte, native, subjectFrom);
  return bounds && { x: bounds.left + bounds.width / 2, y: bounds.top + bounds.height / 2, side: Math.max(bounds.width, bounds.height) };
}

/** `down` at random, `up` zero: the adapter begins by changing nothing. Beyond the wanted rank both are zero, and stay so. */
function startOf(shape: AdapterShape, graphRank: number, { rank, seed }: TrainingRequest): Matrix[] {
  const random = new Random(seed, startStream);
  const downs = new Set(shape.layers.map(({ name }) => downName(name)));
  return [...matrixShapes(shape, graphRank)].map(([name, lengths]) => {
    const data = new Float32Array(lengths[0] * lengths[1] * lengths[2]);
    const deviation = lengths[1] ** -0.5;
    if (downs.has(name)) data.forEach((_, at) => (data[at] = at % graphRank < rank ? random.normal() * deviation : 0));
    return { name, tensor: { shape: lengths, data }, adam: new Adam(data) };
  });
}

function rateAt(step: number, { steps, learningRate }: TrainingRequest): number {
  const warmth = Math.min(1, (step + 1) / warmUpSteps);
  const way = step / Math.max(1, steps - 1);
  return learningRate * warmth * (lastRateShare + ((1 - lastRateShare) * (1 + Math.cos(Math.PI * way))) / 2);
}

function drawBatch(
  examples: readonly TrainingExample[],
  rows: number,
  { latent: { channels, sidePx } }: Manifest,
  random: Random,
): Record<'latent' | 'noise' | 'time' | 'weight' | 'text' | 'references' | 'canvas', Tensors[string]> {
  const size = channels * sidePx * sidePx;
  const drawn = Array.from({ length: rows }, () => examples[Math.floor(random.uniform() * examples.length)]);
  const joined = (rowsOf: readonly Float32Array[]) => {
    const all = new Float32Array(rowsOf.reduce((sum, row) => sum + row.length, 0));
    rowsOf.reduce((at, row) => (all.set(row, at), at + row.length), 0);
    return all;
  };
  const role = (name: 'text' | 'references' | 'canvas') => {
    const tensors = drawn.flatMap((example) => (example ? [example.conditions[name]] : []));
    return floats(joined(tensors.map(numbers)), rows, ...(tensors[0]?.dims.slice(1) ?? []));
  };
  return {
    latent: floats(joined(drawn.flatMap((example) => (example ? [example.latent] : []))), rows, channels, sidePx, sidePx),
    noise: floats(random.normals(rows * size), rows, channels, sidePx, sidePx),
    time: floats(
      Float32Array.from({ length: rows }, () => 1 / (1 + Math.exp(-(random.normal() * timeDeviation + timeMean)))),
      rows,
    ),
    weight: floats(new Float32Array(rows).fill(1), rows),
    text: role('text'),
    references: role('references'),
    canvas: role('canvas'),
  };
}

async function runStep(
  manifest: Manifest,
  graph: TrainStep,
  sessions: Sessions,
  inputs: ReturnType<typeof drawBatch>,
  matrices: readonly Matrix[],
): Promise<{ loss: number; gradients: Record<string, Float32Array> }> {
  const tensors: Tensors = Object.fromEntries(matrices.map(({ name, tensor }) => [name, floats(tensor.data, ...tensor.shape)]));
  const outputs: Record<string, string> = { ...graph.outputs, ...Object.fromEntries(matrices.map(({ name }) => [name, `grad.${name}`])) };
  const results = await sessions.run(path.join(manifest.folder, graph.file), { inputs: graph.inputs, outputs }, inputs, tensors);
  const { loss, ...gradients } = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, numbers(tensor)]));
  return { loss: loss?.[0] ?? Number.NaN, gradients };
}

function exported(
  shape: AdapterShape,
  graphRank: number,
  { rank, steps, seed, modelId }: TrainingRequest,
  matrices: readonly Matrix[],
): Uint8Array {
  const wanted = matrixShapes(shape, rank);
  const tensors = new Map<string, Tensor>();
  for (const { name, tensor } of matrices) {
    const lengths = wanted.get(name) ?? [0, 0, 0];
    const [, rows] = tensor.shape;
    const columns = tensor.shape[2] ?? 0;
    // The rank is the last axis of `down` and the middle one of `up`.
    const isKept = name.startsWith('down.')
      ? (at: number) => at % graphRank < rank
      : (at: number) => Math.floor(at / columns) % (rows ?? 1) < rank;
    tensors.set(name, { shape: lengths, data: tensor.data.filter((_, at) => isKept(at)) });
  }
  return writeAdapter({ tensors, metadata: { model: modelId, rank: String(rank), steps: String(steps), seed: String(seed) } });
}
