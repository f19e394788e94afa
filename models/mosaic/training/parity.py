"""
What must not depend on how a graph is run: many pictures at once against one at a time, one thread against two, two adapters side by side against both at
once, a guide of strength 0 against none.

    python parity.py --graphs export
"""
import argparse
from pathlib import Path

import numpy as np
import onnxruntime

from export import ADAPTER_INPUTS, CONDITIONING_INPUTS, adapter_arguments, conditioning_arguments
from workplace import EXPORT

PICTURES = 2


def session(folder, name, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(Path(folder) / f'{name}.onnx'), options, providers=['CPUExecutionProvider'])


def difference(first, second):
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second))


def rows(feeds, k):
    return {name: value if name in ADAPTER_INPUTS else value[k:k + 1] for name, value in feeds.items()}


def examples(folder):
    """(name, feeds) of the graphs that a picture needs."""
    prepare = {name: value.numpy() for name, value in zip(CONDITIONING_INPUTS, conditioning_arguments(2))}
    rng = np.random.default_rng(3)
    context, references, conditions = session(folder, 'conditioning').run(None, prepare)
    adapters = {name: value.numpy() for name, value in zip(ADAPTER_INPUTS, adapter_arguments(4))}
    latent = rng.standard_normal((PICTURES, 8, 16, 16)).astype(np.float32)
    yield 'conditioning', prepare
    yield 'denoiser', {'x': latent, 't': rng.random(PICTURES).astype(np.float32), 'ctx': context, 'reftok': references, 'cond': conditions} | adapters
    yield 'decoder', {'z': latent}
    yield 'encoder', {'image': rng.uniform(-1, 1, (PICTURES, 3, 128, 128)).astype(np.float32)}
    yield 'matting', {'image': rng.uniform(-1, 1, (PICTURES, 3, 128, 128)).astype(np.float32)}


def stacked(first, second):
    return {name: np.concatenate([first[name], second[name]], 2 if name.startswith('down') else 1) for name in first}


def check_adapters(folder, feeds):
    """Ranks that were put side by side in another order, and with an empty one between, change nothing."""
    first, second, none = ({name: value.numpy() for name, value in zip(ADAPTER_INPUTS, adapter_arguments(rank))} for rank in (3, 5, 2))
    none = {name: value * 0 for name, value in none.items()}
    run = lambda adapters: session(folder, 'denoiser').run(None, feeds | adapters)
    print('adapters: order', difference(run(stacked(first, second)), run(stacked(stacked(second, none), first))))


def check_absence(folder, feeds):
    """Whatever lies in a guide, at strength 0 it is not there."""
    zero = feeds | {name: feeds[name] * 0 for name in ('guide_strength', 'content_strength', 'style_strength', 'view_weight')}
    empty = zero | {name: feeds[name] * 0 for name in ('guide', 'content', 'style', 'views')}
    print('guides: strength 0 against nothing', difference(session(folder, 'conditioning').run(None, zero), session(folder, 'conditioning').run(None, empty)))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--graphs', default=str(EXPORT))
    graphs = parser.parse_args().graphs
    for graph, inputs in examples(graphs):
        if not (Path(graphs) / f'{graph}.onnx').exists():
            continue
        together = session(graphs, graph).run(None, inputs)
        singly = [session(graphs, graph).run(None, rows(inputs, k)) for k in range(PICTURES)]
        apart = difference(together, [np.concatenate(parts) for parts in zip(*singly)])
        print(f'{graph}: single against batch {apart:.1e}, two threads against one {difference(together, session(graphs, graph, 2).run(None, inputs)):.1e}')
        if graph == 'conditioning':
            check_absence(graphs, inputs)
        if graph == 'denoiser':
            check_adapters(graphs, inputs)
