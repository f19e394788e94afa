import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { floats, type Names, Sessions, type Tensor, type Tensors } from '../flow/sessions.js';
import { LocalSessions } from './local-sessions.js';

const marker = 'thread sessions';
type Run = { readonly file: string; readonly names: Names<string, string>; readonly inputs: Tensors };

/** Sessions in a thread of their own, for graphs that answer floats: onnxruntime knows typed arrays by their class, and Jest's are of another one. One call at a time. */
export class ThreadSessions extends Sessions {
  readonly #worker = new Worker(new URL(import.meta.url), { workerData: marker });

  override async run<In extends string, Out extends string>(
    file: string,
    names: Names<In, Out>,
    inputs: Readonly<Record<NoInfer<In>, Tensor>>,
  ): Promise<Record<Out, Tensor>> {
    const call: Run = { file, names, inputs };
    this.#worker.postMessage(call);
    const [answer] = (await once(this.#worker, 'message')) as [Record<Out, Tensor>];
    const entries = Object.entries<Tensor>(answer).map(([role, { data, dims }]) => [
      role,
      floats(new Float32Array(data as Float32Array), ...dims),
    ]);
    return Object.fromEntries(entries) as Record<Out, Tensor>;
  }

  async release(): Promise<void> {
    await this.#worker.terminate();
  }
}

if (workerData === marker) {
  const port = parentPort;
  const sessions = new LocalSessions(2);
  port?.on('message', ({ file, names, inputs }: Run) => void sessions.run(file, names, inputs).then((answer) => port.postMessage(answer)));
}
