import path from 'node:path';
import { internal } from '@tessera/platform/errors.js';
import { isFlow, type OwnFamily } from '@tessera/models/families.js';
import { floats, Sessions, type Tensor } from '../flow/sessions.js';
import type { Placed } from './contract.js';
import type { Bundle, BundledTensor } from './tensor-bundle.js';
import { unpackTensors } from './tensor-bundle.js';
import type { RemoteTasks } from './remote-tasks.js';

type Run = Sessions['run'];

/** Has the other side run the small graphs that composing needs (layout, encoder, matting), and those that enlarge. */
export class RemoteSessions extends Sessions {
  constructor(
    private readonly tasks: RemoteTasks,
    private readonly family: OwnFamily,
    private readonly placed: Placed,
    private readonly signal: AbortSignal,
  ) {
    super();
  }

  override run: Run = async (file, names, inputs) => {
    const graph = this.#graphOf(file);
    const outputs = await this.answer(graph, new Map(Object.entries<Tensor>(inputs).map(([role, tensor]) => [role, bundled(tensor)])));
    const roles = Object.keys(names.outputs) as (keyof typeof names.outputs)[];
    return Object.fromEntries(roles.map((role) => [role, outputs(String(role))])) as Awaited<
      ReturnType<typeof this.run<string, keyof typeof names.outputs & string>>
    >;
  };

  protected async answer(graph: string, bundle: Bundle): Promise<(role: string) => Tensor> {
    for await (const { event, payload } of this.tasks.run({ task: 'run', ...this.placed, graph }, bundle, this.signal)) {
      if (event.type !== 'tensors') continue;
      const answered = unpackTensors(payload);
      return (role) => {
        const tensor = answered.get(role);
        if (!(tensor?.data instanceof Float32Array))
          throw internal('painting_failed', `The graph "${graph}" did not answer its "${role}".`);
        return floats(tensor.data, ...tensor.dims);
      };
    }
    throw internal('painting_failed', `The graph "${graph}" did not answer.`);
  }

  #graphOf(file: string): string {
    const { folder, superResolution = [] } = this.family;
    const graphs = [
      ...(isFlow(this.family) ? Object.entries(this.family.graphs) : []),
      ...superResolution.map((graph, k) => [`superResolution/${k}`, graph] as const),
    ];
    const named = graphs.find(([, graph]) => graph !== undefined && path.join(folder, graph.file) === file);
    if (!named) throw internal('painting_failed', `${file} is no graph that composing asks.`);
    return named[0];
  }
}

/** Records the inputs of the conditioning graph instead of running it: the other side runs it with the batch, and nothing in this process reads the conditions. */
export class ConditionsLater extends RemoteSessions {
  /** One for each time that conditions were asked for, by the pipeline's own names. */
  readonly asked: Bundle[] = [];

  protected override async answer(graph: string, bundle: Bundle): Promise<(role: string) => Tensor> {
    if (graph !== 'conditioning') return super.answer(graph, bundle);
    this.asked.push(bundle);
    return () => floats(new Float32Array(), 0);
  }
}

export const bundled = ({ data, dims }: Tensor): BundledTensor => ({ data, dims });
