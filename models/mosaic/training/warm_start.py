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

from layers import Exporting
from model import BLOCKS, BLOCKS_READING_REFERENCES, TEXT_BLOCKS, Painter
from vae import Vae
from vocabulary import Vocabulary
from workplace import CHECKPOINTS, save_atomically


def initialisers(path):
    """name -> fp32 array; what was stored as fp16 loses its suffix again."""
    return {re.sub('_h$', '', t.name): numpy_helper.to_array(t).astype(np.float32) for t in onnx.load(path).graph.initializer}


def anonymous(tensors, kind):
    """Folded constants carry only a number, which grows in the order of execution."""
    names = [name for name in tensors if name.startswith(f'onnx::{kind}_')]
    return [tensors[name] for name in sorted(names, key=lambda name: int(name.split('_')[-1]))]


def named(tensors, prefix):
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def attention_weights(prefix, matrices, gains, reads_references=False):
    """Consumes one block's matrices in the order of execution; MatMul constants are transposed."""
    order = ['attention.qkv', *(['attention.reference_kv'] if reads_references else []), 'attention.proj', 'mlp.fc1', 'mlp.fc2']
    weights = {f'{prefix}.{name}.weight': matrices.pop(0).T for name in order}
    weights[f'{prefix}.attention.gain'] = np.stack([gains.pop(0), gains.pop(0)])
    return weights


def painter_weights(folder):
    prepare, denoise = initialisers(f'{folder}/conditioning.onnx'), initialisers(f'{folder}/denoiser.onnx')
    weights = named(prepare, 'painter.') | {f'denoiser.{name}': value for name, value in denoise.items() if not name.startswith('onnx::')}
    weights.setdefault('denoiser.pooled.bias', weights['denoiser.time2.bias'])   # both are added to the same sum: equal, and stored once
    matrices, gains = anonymous(prepare, 'MatMul'), anonymous(prepare, 'Mul')
    for k in range(TEXT_BLOCKS):
        weights |= attention_weights(f'text.blocks.{k}', matrices, gains)
    for name in ('previous_word', 'references.out', 'references.words', 'denoiser.slot_in'):
        weights[f'{name}.weight'] = matrices.pop(0).T
    matrices, gains = anonymous(denoise, 'MatMul'), anonymous(denoise, 'Mul')
    weights['denoiser.down.weight'] = matrices.pop(0).T
    for k in range(BLOCKS):
        weights |= attention_weights(f'denoiser.blocks.{k}', matrices, gains, k in BLOCKS_READING_REFERENCES)
    weights['denoiser.up.weight'] = matrices.pop(0).T
    return weights


def load_painter_graphs(painter, folder):
    """Words that the graphs did not have keep their random start, scaled to their neighbours."""
    weights, own = painter_weights(folder), painter.state_dict()
    assert set(weights) == set(own), set(weights) ^ set(own)
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
    inputs = {'tok': torch.randint(2, 60, (2, 16)), 'at': torch.tensor([[2, 5], [1, 7]]), 'ref': torch.rand(2, 2, 4, 96, 96),
              'box': torch.tensor([[[40., 60, 50], [90, 70, 70]], [[64, 64, 30], [100, 90, 44]]]), 'drop': torch.tensor([[0., 0], [0, 1]]),
              'pose': torch.eye(2).expand(2, 2, 2, 2).contiguous()}
    latent, t, picture = torch.randn(2, 8, 16, 16), torch.rand(2), torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        prepared = painter.prepare(*inputs.values())
        print('conditioning', difference(folder, 'conditioning', inputs, prepared))
        feeds = dict(zip(('x', 't', 'ctx', 'reftok', 'cond'), (latent, t, *prepared)))
        print('denoiser', difference(folder, 'denoiser', feeds, [painter.denoiser(latent, t, *prepared)]))
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
