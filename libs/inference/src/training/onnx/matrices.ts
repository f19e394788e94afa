import { type AdapterShape, downName, matrixShapes } from '../../lora/adapter.js';
import type { Tensor } from '../../lora/safetensors.js';
import { Random } from '../../flow/random.js';
import { Adam, type AdamMoments } from './adam.js';

const startStream = 11;
/** Beyond this a number is infinite in the half precision of the file. */
const halfMax = 65_504;

/** One matrix as the train-step graph takes it, whose rank is fixed: beyond the adapter's own rank both matrices of a layer are zero, so are their gradients, and they stay so. */
export type Matrix = { readonly name: string; readonly tensor: Tensor; readonly adam: Adam };
/** The numbers of the adapter's own rank by the names of the matrices. */
export type Narrow = ReadonlyMap<string, Float32Array>;

/** `down` at random, `up` zero: the adapter begins by changing nothing. */
export function startMatrices(shape: AdapterShape, graphRank: number, { rank, seed }: { rank: number; seed: number }): Matrix[] {
  const random = new Random(seed, startStream);
  const downs = new Set(shape.layers.map(({ name }) => downName(name)));
  return [...matrixShapes(shape, graphRank)].map(([name, lengths]) => {
    const data = new Float32Array(lengths[0] * lengths[1] * lengths[2]);
    const deviation = lengths[1] ** -0.5;
    if (downs.has(name)) data.forEach((_, at) => (data[at] = at % graphRank < rank ? random.normal() * deviation : 0));
    return { name, tensor: { shape: lengths, data }, adam: new Adam(data) };
  });
}

/** Matrices and moments of the adapter's own rank, back in the rank of the graph. */
export function resumedMatrices(
  shape: AdapterShape,
  graphRank: number,
  rank: number,
  step: number,
  stored: (part: 'now' | 'mean' | 'square', name: string) => Float32Array,
): Matrix[] {
  return [...matrixShapes(shape, graphRank)].map(([name, lengths]) => {
    const widened = (part: 'now' | 'mean' | 'square') => {
      const narrow = stored(part, name);
      const data = new Float32Array(lengths[0] * lengths[1] * lengths[2]);
      keptAt(name, lengths, rank).forEach((at, k) => (data[at] = narrow[k] ?? 0));
      return data;
    };
    const data = widened('now');
    const moments: AdamMoments = { mean: widened('mean'), square: widened('square') };
    return { name, tensor: { shape: lengths, data }, adam: new Adam(data, moments, step) };
  });
}

export const narrowed = (matrices: readonly Matrix[], rank: number, dataOf: (matrix: Matrix) => Float32Array): Narrow =>
  new Map(
    matrices.map((matrix) => {
      const all = dataOf(matrix);
      return [matrix.name, Float32Array.from(keptAt(matrix.name, matrix.tensor.shape, rank), (at) => all[at] ?? 0)];
    }),
  );

/** Whether the file of the adapter could hold them. */
export const areSound = (matrices: readonly Matrix[]): boolean =>
  matrices.every(({ tensor }) => tensor.data.every((value) => Math.abs(value) <= halfMax));

export function asTensors(shape: AdapterShape, rank: number, narrow: Narrow): Map<string, Tensor> {
  return new Map(
    [...matrixShapes(shape, rank)].map(([name, lengths]) => [name, { shape: lengths, data: narrow.get(name) ?? new Float32Array() }]),
  );
}

/** The rank is the last axis of `down` and the middle one of `up`. */
function keptAt(name: string, shape: readonly number[], rank: number): number[] {
  const [blocks = 0, middle = 0, last = 0] = shape;
  const isDown = name.startsWith('down.');
  return Array.from({ length: blocks * middle * last }, (_, at) => at).filter((at) =>
    isDown ? at % last < rank : Math.floor(at / last) % middle < rank,
  );
}
