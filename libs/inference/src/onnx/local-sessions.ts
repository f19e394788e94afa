import * as ort from 'onnxruntime-node';

/** A model family has seven graphs; a second one may stay warm beside it. */
const MAX_SESSIONS = 20;

/**
 * Arenas keep the peak of the largest picture for ever. Spinning threads are as fast as waiting ones on an idle machine, and halve the speed as soon as
 * anything else wants the cores (measured on two).
 */
const sessionOptions = { interOpNumThreads: 1, executionMode: 'sequential', enableCpuMemArena: false, extra: { session: { intra_op: { allow_spinning: '0' } } } } as const;

export type Tensors = Readonly<Record<string, ort.Tensor>>;

export const floats = (data: Float32Array, ...dims: number[]): ort.Tensor => new ort.Tensor('float32', data, dims);
export const integers = (data: BigInt64Array, ...dims: number[]): ort.Tensor => new ort.Tensor('int64', data, dims);

type Names<In extends string, Out extends string> = { readonly inputs: { readonly [Role in In]?: string | undefined }; readonly outputs: Readonly<Record<Out, string>> };

/** Whoever runs graphs. `names` maps what the pipeline calls its tensors to what the graph calls them, and leaves out what the graph does not take; `others` go by the graph's own names. */
export abstract class Sessions {
  abstract run<In extends string, Out extends string>(file: string, names: Names<In, Out>, inputs: Readonly<Record<NoInfer<In>, ort.Tensor>>, others?: Tensors): Promise<Record<Out, ort.Tensor>>;
}

/** In this thread. Graphs are loaded when first run and kept; the least recently used goes when there are too many. */
export class LocalSessions extends Sessions {
  readonly #loaded = new Map<string, Promise<ort.InferenceSession>>();

  constructor(private readonly threads: number) {
    super();
  }

  load(file: string): Promise<ort.InferenceSession> {
    const existing = this.#loaded.get(file);
    const session = existing ?? ort.InferenceSession.create(file, { intraOpNumThreads: this.threads, ...sessionOptions });
    this.#loaded.delete(file);
    this.#loaded.set(file, session);
    if (!existing) session.catch(() => this.#loaded.delete(file));
    const [oldest] = this.#loaded;
    if (this.#loaded.size > MAX_SESSIONS && oldest) {
      this.#loaded.delete(oldest[0]);
      void oldest[1].then((stale) => stale.release()).catch(() => {});
    }
    return session;
  }

  override async run<In extends string, Out extends string>(file: string, names: Names<In, Out>, inputs: Readonly<Record<NoInfer<In>, ort.Tensor>>, others: Tensors = {}): Promise<Record<Out, ort.Tensor>> {
    const session = await this.load(file);
    const taken = Object.entries<string | undefined>(names.inputs).flatMap(([role, name]) => (name === undefined ? [] : [[name, inputs[role as In]] as const]));
    const feeds = { ...others, ...Object.fromEntries(taken) };
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries<string>(names.outputs).map(([role, name]) => {
        const tensor = results[name];
        if (!tensor) throw new Error(`${file} has no output "${name}"`);
        return [role, tensor];
      }),
    ) as Record<Out, ort.Tensor>;
  }

  async release(): Promise<void> {
    const sessions = [...this.#loaded.values()];
    this.#loaded.clear();
    for (const session of sessions) await session.then((loaded) => loaded.release()).catch(() => {});
  }
}

/** The numbers of a float tensor. */
export function numbers(tensor: ort.Tensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  throw new Error(`Expected float32, got ${tensor.type}`);
}
