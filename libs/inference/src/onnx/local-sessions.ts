import * as ort from 'onnxruntime-node';
import { type Names, Sessions, type Tensor, type Tensors } from '../flow/sessions.js';

/** A model family has seven graphs; a second one may stay warm beside it. */
const sessionsMax = 20;

/**
 * Arenas keep the peak of the largest picture for ever. Spinning threads are as fast as waiting ones on an idle machine, and halve the speed as soon as
 * anything else wants the cores (measured on two).
 */
const sessionOptions = {
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: false,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
} as const;

/** In this thread, with onnxruntime. Graphs are loaded when first run and kept; the least recently used goes when there are too many. */
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
    if (this.#loaded.size > sessionsMax && oldest) {
      this.#loaded.delete(oldest[0]);
      void oldest[1].then((stale) => stale.release()).catch(() => {});
    }
    return session;
  }

  override async run<In extends string, Out extends string>(
    file: string,
    names: Names<In, Out>,
    inputs: Readonly<Record<NoInfer<In>, Tensor>>,
    others: Tensors = {},
  ): Promise<Record<Out, Tensor>> {
    const session = await this.load(file);
    const taken = Object.entries<string | undefined>(names.inputs).flatMap(([role, name]) =>
      name === undefined ? [] : [[name, inputs[role as In]] as const],
    );
    const feeds = Object.entries<Tensor>({ ...others, ...Object.fromEntries(taken) }).map(
      ([name, tensor]) => [name, toRuntime(tensor)] as const,
    );
    const results = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries<string>(names.outputs).map(([role, name]) => {
        const tensor = results[name];
        if (!tensor) throw new Error(`${file} has no output "${name}"`);
        return [role, fromRuntime(tensor)];
      }),
    ) as Record<Out, Tensor>;
  }

  async release(): Promise<void> {
    const sessions = [...this.#loaded.values()];
    this.#loaded.clear();
    for (const session of sessions) await session.then((loaded) => loaded.release()).catch(() => {});
  }
}

const toRuntime = ({ type, data, dims }: Tensor): ort.Tensor =>
  type === 'float32' ? new ort.Tensor(type, data, dims) : new ort.Tensor(type, data, dims);

function fromRuntime({ type, data, dims }: ort.Tensor): Tensor {
  if (data instanceof Float32Array) return { type: 'float32', data, dims };
  if (data instanceof BigInt64Array) return { type: 'int64', data, dims };
  throw new Error(`A graph answered ${type}, which no pipeline reads`);
}
