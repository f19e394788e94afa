import path from 'node:path';
import { internal } from '@tessera/platform/errors.js';
import type { Manifest } from '../manifest.js';
import { floats, Sessions } from '../onnx/sessions.js';
import type { Placed } from './contract.js';
import type { Bundle, BundledTensor } from './tensor-bundle.js';
import { unpackTensors } from './tensor-bundle.js';
import type { TritonClient } from './triton-client.js';

type Run = Sessions['run'];
type Tensor = ReturnType<typeof floats>;

/**
 * Lets a canvas be composed here and painted there: small graphs that composing asks (where things stand, what an init picture is as a latent) are answered by Triton at
 * once; what the conditions are made from is written down for later, when Triton needs it.
 */
export class RemoteSessions extends Sessions {
  /** By the pipeline's own names. */
  readonly conditioning = new Map<string, BundledTensor>();

  constructor(
    private readonly client: TritonClient,
    private readonly manifest: Manifest,
    private readonly placed: Placed,
    private readonly signal: AbortSignal,
  ) {
    super();
  }

  override run: Run = async (file, names, inputs) => {
    const { graphs, folder } = this.manifest;
    const graph = Object.entries(graphs).find(([, known]) => known !== undefined && path.join(folder, known.file) === file)?.[0] ?? '';
    const bundle = new Map(Object.entries<Tensor>(inputs).map(([role, tensor]) => [role, bundled(tensor)]));
    const outputs = graph === 'conditioning' ? this.#keep(bundle) : await this.#ask(graph, bundle);
    const roles = Object.keys(names.outputs) as (keyof typeof names.outputs)[];
    return Object.fromEntries(roles.map((role) => [role, outputs(String(role))])) as Awaited<ReturnType<typeof this.run<string, keyof typeof names.outputs & string>>>;
  };

  /** Nobody here looks at the conditions. */
  #keep(bundle: Bundle): (role: string) => Tensor {
    for (const [role, tensor] of bundle) this.conditioning.set(role, tensor);
    return () => floats(new Float32Array(), 0);
  }

  async #ask(graph: string, bundle: Bundle): Promise<(role: string) => Tensor> {
    for await (const { event, payload } of this.client.run({ task: 'run', ...this.placed, graph }, bundle, this.signal)) {
      if (event.type !== 'tensors') continue;
      const answered = unpackTensors(payload);
      return (role) => {
        const tensor = answered.get(role);
        if (!(tensor?.data instanceof Float32Array)) throw internal('painting_failed', `The graph "${graph}" did not answer its "${role}".`);
        return floats(tensor.data, ...tensor.dims);
      };
    }
    throw internal('painting_failed', `The graph "${graph}" did not answer.`);
  }
}

function bundled({ data, dims, type }: Tensor): BundledTensor {
  if (data instanceof Float32Array || data instanceof BigInt64Array || data instanceof Uint8Array) return { data, dims };
  throw internal('painting_failed', `Tensors of ${type} are not sent.`);
}
