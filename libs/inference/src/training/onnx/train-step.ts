import path from 'node:path';
import type { Manifest } from '@tessera/models/manifest.js';
import type { Random } from '../../flow/random.js';
import { floats, numbers, type Sessions, type Tensors } from '../../flow/sessions.js';
import type { TrainingExample } from './examples.js';
import type { Matrix } from './matrices.js';

/** Times are drawn as the model's own training drew them: sigmoid of this normal distribution. */
const timeMean = -0.15;
const timeDeviation = 1.1;

export type TrainStep = NonNullable<Manifest['graphs']['trainStep']>;
export type Inputs = Record<'latent' | 'noise' | 'time' | 'weight' | 'text' | 'references' | 'canvas', Tensors[string]>;
export type StepResult = { readonly loss: number; readonly gradients: Readonly<Record<string, Float32Array>> };

/** Noise and times drawn for one step. */
export function drawnInputs(examples: readonly TrainingExample[], manifest: Manifest, random: Random): Inputs {
  const { channels, sidePx } = manifest.latent;
  const noise = random.normals(examples.length * channels * sidePx * sidePx);
  const times = examples.map(() => 1 / (1 + Math.exp(-(random.normal() * timeDeviation + timeMean))));
  return inputsOf(examples, noise, times, manifest);
}

export function inputsOf(
  examples: readonly TrainingExample[],
  noise: Float32Array,
  times: readonly number[],
  { latent: { channels, sidePx } }: Manifest,
): Inputs {
  const rows = examples.length;
  const role = (name: 'text' | 'references' | 'canvas') => {
    const tensors = examples.map(({ conditions }) => conditions[name]);
    return floats(joined(tensors.map(numbers)), rows, ...(tensors[0]?.dims.slice(1) ?? []));
  };
  return {
    latent: floats(joined(examples.map(({ latent }) => latent)), rows, channels, sidePx, sidePx),
    noise: floats(noise, rows, channels, sidePx, sidePx),
    time: floats(Float32Array.from(times), rows),
    weight: floats(new Float32Array(rows).fill(1), rows),
    text: role('text'),
    references: role('references'),
    canvas: role('canvas'),
  };
}

export async function runTrainStep(
  manifest: Manifest,
  graph: TrainStep,
  sessions: Sessions,
  inputs: Inputs,
  matrices: readonly Matrix[],
): Promise<StepResult> {
  const tensors: Tensors = Object.fromEntries(matrices.map(({ name, tensor }) => [name, floats(tensor.data, ...tensor.shape)]));
  const outputs: Record<string, string> = { ...graph.outputs, ...Object.fromEntries(matrices.map(({ name }) => [name, `grad.${name}`])) };
  const results = await sessions.run(path.join(manifest.folder, graph.file), { inputs: graph.inputs, outputs }, inputs, tensors);
  const { loss, ...gradients } = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, numbers(tensor)]));
  return { loss: loss?.[0] ?? Number.NaN, gradients };
}

function joined(rowsOf: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rowsOf.reduce((sum, row) => sum + row.length, 0));
  rowsOf.reduce((at, row) => (all.set(row, at), at + row.length), 0);
  return all;
}
