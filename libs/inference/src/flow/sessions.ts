/** Numbers with a shape, as graphs take and give them; what runs the graphs turns them into its runtime's own tensors. */
export type Tensor =
  | { readonly type: 'float32'; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly number[] };

export type Tensors = Readonly<Record<string, Tensor>>;

export const floats = (data: Float32Array, ...dims: number[]): Tensor => ({ type: 'float32', data, dims });
export const integers = (data: BigInt64Array, ...dims: number[]): Tensor => ({ type: 'int64', data, dims });

/** The numbers of a float tensor. */
export function numbers(tensor: Tensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data;
  throw new Error(`Expected float32, got ${tensor.type}`);
}

export type Names<In extends string, Out extends string> = {
  readonly inputs: { readonly [Role in In]?: string | undefined };
  readonly outputs: Readonly<Record<Out, string>>;
};

/**
 * Runs graphs for the pipeline: in process, or in a Triton. `names` maps what the pipeline calls its tensors to what the graph calls them, and leaves out what the graph does
 * not take; `others` go by the graph's own names.
 */
export abstract class Sessions {
  abstract run<In extends string, Out extends string>(
    file: string,
    names: Names<In, Out>,
    inputs: Readonly<Record<NoInfer<In>, Tensor>>,
    others?: Tensors,
  ): Promise<Record<Out, Tensor>>;
}
