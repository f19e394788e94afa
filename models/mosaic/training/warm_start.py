"""
Reads weights back out of the released graphs, so that training goes on where another ended, without its checkpoints.

    python warm_start.py ../graphs      compares PyTorch with onnxruntime on random input, and writes checkpoints/vae.pt where there is none
"""
import re
import sys

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export import ADAPTER_INPUTS, CONDITIONING_INPUTS, AdaptedDenoiser, adapter_arguments, conditioning_arguments
from layers import Exporting
from model import Painter
from vae import Vae
from vocabulary import Vocabulary
from workplace import CHECKPOINTS, save_atomically


def initialisers(path):
    """name -> fp32 array; what was stored as fp16 loses its suffix again."""
    return {re.sub('_h$', '', t.name): numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(path).graph.initializer}


def named(tensors, prefix):
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def restored(tensors):
    """Parameters under their names: transposed matrices are turned back, gains put together."""
    weights, gains = {}, {}
    for name, value in tensors.items():
        if name.endswith('.T'):
            weights[name.removesuffix('.T')] = value.T
        elif '.gain.' in name:
            gains.setdefault(name.rsplit('.', 1)[0], []).append((name, value))
        elif not name.startswith('onnx::'):
            weights[name] = value
    return weights | {name: np.stack([value for _, value in sorted(parts)]) for name, parts in gains.items()}


def painter_weights(folder):
    prepare, denoise = (restored(initialisers(f'{folder}/{name}.onnx')) for name in ('conditioning', 'denoiser'))
    weights = named(prepare, 'painter.') | denoise
    weights.setdefault('denoiser.pooled.bias', weights['denoiser.time2.bias'])   # both are added to the same sum: equal, and stored once
    return weights


def load_painter_graphs(painter, folder):
    """Words that the graphs did not have keep their random start, scaled to their neighbours."""
    weights, own = painter_weights(folder), painter.state_dict()
    missing = {name for name in own if name not in weights}
    assert set(weights) <= set(own) and all(not own[name].any() for name in missing), missing   # equal tensors are stored once: what is not found is still zero
    for name, value in weights.items():
        value = torch.from_numpy(np.ascontiguousarray(value))
        if value.shape == own[name].shape:
            own[name].copy_(value)
        else:
            own[name][:len(value)] = value
            own[name][len(value):] *= value.std() / own[name][len(value):].std()


def load_vae_graphs(vae, folder):
    tensors = named(initialisers(f'{folder}/decoder.onnx'), 'vae.') | initialisers(f'{folder}/encoder.onnx')
    vae.load_state_dict({name: torch.from_numpy(tensors[name].reshape(value.shape)) for name, value in vae.state_dict().items()})


def difference(folder, name, feeds, expected):
    import onnxruntime
    got = onnxruntime.InferenceSession(f'{folder}/{name}.onnx').run(None, {key: value.numpy() for key, value in feeds.items()})
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(got, expected))


def compare(painter, vae, folder):
    inputs = dict(zip(CONDITIONING_INPUTS, conditioning_arguments(2)))
    latent, t, picture = torch.randn(2, 8, 16, 16), torch.rand(2), torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        prepared = painter.prepare(*inputs.values())
        print('conditioning', difference(folder, 'conditioning', inputs, prepared))
        feeds = dict(zip(('x', 't', 'ctx', 'reftok', 'cond'), (latent, t, *prepared))) | dict(zip(ADAPTER_INPUTS, adapter_arguments(1)))
        print('denoiser', difference(folder, 'denoiser', feeds, [AdaptedDenoiser(painter.denoiser)(*feeds.values())]))
        print('decoder', difference(folder, 'decoder', {'z': latent}, [vae.decode(latent).clamp(-1, 1)]))
        print('encoder', difference(folder, 'encoder', {'image': picture}, [vae.encode(picture)]))


if __name__ == '__main__':
    Exporting.on = True
    released_painter, released_vae = Painter(len(Vocabulary().words)), Vae()
    load_painter_graphs(released_painter, sys.argv[1])
    load_vae_graphs(released_vae, sys.argv[1])
    compare(released_painter.eval(), released_vae.eval(), sys.argv[1])
    if not (CHECKPOINTS / 'vae.pt').exists():
        save_atomically({'vae': released_vae.state_dict()}, CHECKPOINTS / 'vae.pt')
