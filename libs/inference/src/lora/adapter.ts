import { invalidArgument } from '@tessera/platform/errors.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { readSafetensors, writeSafetensors, type Tensor, type TensorFile } from './safetensors.js';

/** Beyond this an adapter would outweigh the layers it adapts. */
const rankMax = 64;

/** What the manifest says about the layers that adapters can change. */
export type AdapterShape = NonNullable<Manifest['adapters']>;

/** Low-rank matrices (Hu et al. 2021, https://arxiv.org/abs/2106.09685) by the denoiser's input names: `down` is `[blocks, inputs, rank]`, `up` is `[blocks, rank, outputs]`. */
export type Adapter = {
  readonly rank: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
};

export const downName = (layer: string): string => `down.${layer}`;
export const upName = (layer: string): string => `up.${layer}`;

/** The shape of every matrix of an adapter with this rank. */
export function matrixShapes({ blocks, layers }: AdapterShape, rank: number): Map<string, readonly [number, number, number]> {
  return new Map(
    layers.flatMap(({ name, inputs, outputs }): [string, readonly [number, number, number]][] => [
      [downName(name), [blocks, inputs, rank]],
      [upName(name), [blocks, rank, outputs]],
    ]),
  );
}

/** Reads a file that may come from anywhere; an adapter of another model does not fit and says so. */
export function readAdapter(bytes: Uint8Array, shape: AdapterShape): Adapter {
  const { tensors, metadata } = readSafetensors(bytes);
  const [first] = shape.layers;
  const rank = tensors.get(downName(first?.name ?? ''))?.shape[2] ?? 0;
  const misfit = (sentence: string) =>
    invalidArgument('foreign_adapter', `The adapter was not made for this model: ${sentence}.`, { param: 'adapters' });
  if (rank < 1 || rank > rankMax) throw misfit(`its rank must be from 1 to ${rankMax}`);
  const expected = matrixShapes(shape, rank);
  if (tensors.size !== expected.size) throw misfit(`it has ${tensors.size} matrices instead of ${expected.size}`);
  for (const [name, lengths] of expected) {
    const tensor = tensors.get(name);
    if (!tensor || tensor.shape.length !== lengths.length || !lengths.every((length, axis) => tensor.shape[axis] === length))
      throw misfit(`"${name}" is missing or has another shape`);
    if (!tensor.data.every((value) => Number.isFinite(value))) throw misfit(`"${name}" holds what is no number`);
  }
  return { rank, tensors, metadata };
}

export const writeAdapter = ({ tensors, metadata }: Pick<Adapter, 'tensors' | 'metadata'>): Uint8Array =>
  writeSafetensors({ tensors, metadata } satisfies TensorFile);

/** Side by side along the rank, which adds their products; the weight goes into `up`. Without any: one rank of zeros, which changes nothing. */
export function combineAdapters(uses: readonly { readonly adapter: Adapter; readonly weight: number }[], shape: AdapterShape): Adapter {
  const rank = Math.max(
    1,
    uses.reduce((sum, { adapter }) => sum + adapter.rank, 0),
  );
  const tensors = new Map<string, Tensor>();
  for (const [name, lengths] of matrixShapes(shape, rank)) {
    const data = new Float32Array(lengths[0] * lengths[1] * lengths[2]);
    const isUp = name.startsWith('up.');
    let before = 0;
    for (const { adapter, weight } of uses) {
      const part = adapter.tensors.get(name)?.data ?? new Float32Array();
      if (isUp)
        for (let block = 0; block < lengths[0]; block += 1)
          for (let k = 0; k < adapter.rank * lengths[2]; k += 1)
            data[(block * rank + before) * lengths[2] + k] = weight * (part[block * adapter.rank * lengths[2] + k] ?? 0);
      else
        for (let row = 0; row < lengths[0] * lengths[1]; row += 1)
          for (let k = 0; k < adapter.rank; k += 1) data[row * rank + before + k] = part[row * adapter.rank + k] ?? 0;
      before += adapter.rank;
    }
    tensors.set(name, { shape: lengths, data });
  }
  return { rank, tensors, metadata: {} };
}
