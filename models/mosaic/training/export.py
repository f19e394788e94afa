"""
Exports graphs with weights stored as fp16 (computed as fp32) and checks them against PyTorch.

    python export.py all                every graph and vocab.json, from the checkpoints
    python export.py encoder            one of them: encoder, decoder, layout, painter (conditioning, denoiser)
"""
import argparse
import json
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
from onnx import TensorProto, helper, numpy_helper

from layers import Exporting
from layout import Layout
from model import LATENT_SIDE, REFERENCE_PX, Painter
from vae import LATENT_CHANNELS, Vae
from vocabulary import MAX_TOKENS, Vocabulary
from workplace import CHECKPOINTS, EXPORT

OPSET = 17
warnings.filterwarnings('ignore', category=DeprecationWarning)   # the legacy exporter writes the smaller, older graphs every runtime reads
warnings.filterwarnings('ignore', category=torch.jit.TracerWarning)
SLOTS_COMPARED = (2, 1, 3)   # the first is traced: a graph takes any number
STORED_WHOLE_BELOW = 4096   # small tensors stay fp32: nothing is gained there


def store_half(path):
    """Large fp32 weights become fp16 initialisers with a Cast, which onnxruntime folds when it loads the graph."""
    model = onnx.load(path)
    graph, casts = model.graph, []

    def halve(array, name):
        graph.initializer.append(numpy_helper.from_array(array.astype(np.float16), f'{name}_h'))
        casts.append(helper.make_node('Cast', [f'{name}_h'], [name], to=TensorProto.FLOAT))

    for tensor in list(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > STORED_WHOLE_BELOW:
            array = numpy_helper.to_array(tensor)
            graph.initializer.remove(tensor)
            halve(array, tensor.name)
    for node in list(graph.node):
        value = node.attribute[0].t if node.op_type == 'Constant' and node.attribute[0].name == 'value' else None
        if value is not None and value.data_type == TensorProto.FLOAT and np.prod(value.dims) > STORED_WHOLE_BELOW:
            graph.node.remove(node)
            halve(numpy_helper.to_array(value), node.output[0])
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def write(module, examples, name, inputs, outputs, dynamic=None):
    """Exports with the first of the example arguments, stores as fp16, and prints how far onnxruntime is from PyTorch on any of them."""
    path = EXPORT / f'{name}.onnx'
    module.eval()
    torch.onnx.export(module, examples[0], str(path), input_names=inputs, output_names=outputs, dynamic_axes=dynamic, opset_version=OPSET,
                      do_constant_folding=True, dynamo=False)
    store_half(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    errors = []
    for arguments in examples:
        with torch.no_grad():
            expected = module(*arguments)
        expected = expected if isinstance(expected, tuple) else (expected,)
        got = session.run(None, {k: v.numpy() for k, v in zip(inputs, arguments)})
        errors += [float(np.abs(g - e.numpy()).max()) for g, e in zip(got, expected)]
    print(f'{path.name}: {path.stat().st_size / 1e6:.2f} MB, largest difference {max(errors):.4f}')


class Encoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.enc = vae.enc

    def forward(self, image):
        return self.enc(image)


class Decoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, z):
        return self.vae.decode(z).clamp(-1, 1)


def load_vae(path):
    vae = Vae()
    vae.load_state_dict(torch.load(path)['vae'])
    return vae.eval()


class Conditioning(nn.Module):
    """Everything that is computed once per picture."""

    def __init__(self, painter):
        super().__init__()
        self.painter = painter

    def forward(self, tok, at, ref, box, drop, pose):
        return self.painter.prepare(tok, at, ref, box, drop, pose)


def load_painter(path):
    painter = Painter(len(Vocabulary().words))
    painter.load_state_dict(torch.load(path, map_location='cpu')['average'])
    return painter.eval()


def export_encoder(vae):
    write(Encoder(vae), [(torch.rand(2, 3, 128, 128) * 2 - 1,)], 'encoder', ['image'], ['z'], {'image': {0: 'n'}, 'z': {0: 'n'}})


def export_decoder(vae):
    write(Decoder(vae), [(torch.randn(2, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE),)], 'decoder', ['z'], ['image'], {'z': {0: 'n'}, 'image': {0: 'n'}})


def export_layout():
    layout = Layout(len(Vocabulary().words))
    layout.load_state_dict(torch.load(CHECKPOINTS / 'layout.pt'))
    names = ['tok', 'at', 'shape', 'mu', 'ls']
    arguments = [(torch.randint(2, 60, (2, MAX_TOKENS)), torch.arange(slots).expand(2, -1).contiguous(), torch.rand(2, slots, 5)) for slots in SLOTS_COMPARED]
    write(layout, arguments, 'layout', names[:3], names[3:], {'tok': {0: 'n'}} | {name: {0: 'n', 1: 's'} for name in names[1:]})


def batch_axes(*names):
    return {name: {0: 'n'} for name in names}


def conditioning_arguments(slots):
    return (torch.randint(2, 60, (2, MAX_TOKENS)), torch.arange(slots).expand(2, -1).contiguous(), torch.rand(2, slots, 4, REFERENCE_PX, REFERENCE_PX),
            torch.rand(2, slots, 3) * 30 + 50, torch.zeros(2, slots), torch.eye(2).expand(2, slots, 2, 2).contiguous())


def export_painter(painter):
    inputs, outputs = ['tok', 'at', 'ref', 'box', 'drop', 'pose'], ['ctx', 'reftok', 'cond']
    arguments = [conditioning_arguments(slots) for slots in SLOTS_COMPARED]
    dynamic = batch_axes('tok', 'ctx', 'cond') | {name: {0: 'n', 1: 's'} for name in inputs[1:]} | {'reftok': {0: 'n', 1: 'r'}}
    write(Conditioning(painter), arguments, 'conditioning', inputs, outputs, dynamic)
    with torch.no_grad():
        prepared = [painter.prepare(*each) for each in arguments]
    names = ['x', 't', 'ctx', 'reftok', 'cond']
    dynamic = batch_axes(*names, 'v') | {'reftok': {0: 'n', 1: 'r'}}
    arguments = [(torch.randn(2, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE), torch.rand(2), *each) for each in prepared]
    write(painter.denoiser, arguments, 'denoiser', names, ['v'], dynamic)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['encoder', 'decoder', 'painter', 'layout', 'all'])
    parser.add_argument('--vae', default=str(CHECKPOINTS / 'vae.pt'))
    parser.add_argument('--painter', default=str(CHECKPOINTS / 'painter.pt'))
    options = parser.parse_args()
    Exporting.on = True
    if options.what in ('encoder', 'all'):
        export_encoder(load_vae(options.vae))
    if options.what in ('decoder', 'all'):
        export_decoder(load_vae(options.vae))
    if options.what in ('layout', 'all'):
        export_layout()
    if options.what in ('painter', 'all'):
        export_painter(load_painter(options.painter))
        (EXPORT / 'vocab.json').write_text(json.dumps(Vocabulary().words))
