"""
Exports graphs with weights stored as fp16 (computed as fp32) and checks them against PyTorch.

    python export.py all                every graph and vocab.json, from the checkpoints
    python export.py encoder            one of them: encoder, decoder, layout, painter (conditioning, denoiser, train-step)
"""
import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
from onnx import TensorProto, helper, numpy_helper

from conditions import LATENT_SIDE, STYLE_PX
from layers import ADAPTED, Exporting
from layout import Layout
from model import BLOCKS, PICTURE_PX, REFERENCE_PX, Painter, load_extended
from train_step import STORED_WHOLE_BELOW, TRAIN_BATCH, TRAIN_RANK, share_weights, traced, training_step
from vae import LATENT_CHANNELS, Vae
from vocabulary import MAX_TOKENS, Vocabulary
from workplace import CHECKPOINTS, EXPORT

OPSET = 17
warnings.filterwarnings('ignore', category=DeprecationWarning)   # the legacy exporter writes the smaller, older graphs every runtime reads
warnings.filterwarnings('ignore', category=torch.jit.TracerWarning)
CONDITIONING_INPUTS = ['tok', 'at', 'ref', 'box', 'drop', 'pose', 'views', 'view_weight', 'guide', 'guide_strength', 'content', 'content_strength', 'style', 'style_strength']
ADAPTER_INPUTS = [f'{side}.{name}' for name in ADAPTED for side in ('down', 'up')]
WEIGHTS_FILE = 'denoiser.bin'   # the denoiser's and the training step's
SLOTS_COMPARED = (2, 1, 3)   # the first is traced: a graph takes any number


def store_half(path, external=None):
    """Large fp32 weights become fp16 initialisers with a Cast, which onnxruntime folds when it loads the graph; `external` names a file beside it to hold them."""
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
    shortened(model)
    if external:
        Path(path).with_name(external).unlink(missing_ok=True)
        onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=2 * STORED_WHOLE_BELOW)
    else:
        onnx.save(model, path)


def name_weights(path, state):
    """Matrices that the exporter transposed or cut out under a number get their parameter's name back, so that training can begin with a graph."""
    known = {}
    for name, value in state.items():
        parts = {f'{name}.{k}': part for k, part in enumerate(value)} if name.endswith('gain') else {f'{name}.T': value.T} if value.ndim == 2 else {}
        known |= {(tuple(part.shape), part.contiguous().numpy().tobytes()): part_name for part_name, part in parts.items()}
    model = onnx.load(path)
    names = {}
    for tensor in model.graph.initializer:
        if tensor.name.startswith('onnx::'):
            names[tensor.name] = known.get((tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()), tensor.name)
            tensor.name = names[tensor.name]
    for node in model.graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = names.get(name, name)
    onnx.save(model, path)


def shortened(model):
    """Without names that only people read: a third of a graph whose weights lie elsewhere."""
    graph = model.graph
    fixed = {value.name for values in (graph.input, graph.output, graph.initializer) for value in values}
    short = {}
    rename = lambda name: name if name in fixed or not name else short.setdefault(name, f'v{len(short):x}')
    for node in graph.node:
        node.name, node.doc_string = '', ''
        node.input[:], node.output[:] = [rename(name) for name in node.input], [rename(name) for name in node.output]
    del graph.value_info[:]
    return model


def write(module, examples, name, inputs, outputs, dynamic=None, external=None):
    """Exports with the first of the example arguments, stores as fp16, and prints how far onnxruntime is from PyTorch on any of them."""
    path = EXPORT / f'{name}.onnx'
    module.eval()
    to_onnx(module, examples[0], path, inputs, outputs, dynamic)
    name_weights(path, module.state_dict())
    store_half(path, external)
    compare(path, module, examples, inputs)


def to_onnx(module, arguments, path, inputs, outputs, dynamic=None, folding=True):
    torch.onnx.export(module, arguments, str(path), input_names=inputs, output_names=outputs, dynamic_axes=dynamic, opset_version=OPSET,
                      do_constant_folding=folding, dynamo=False)


def compare(path, function, examples, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    errors = []
    for arguments in examples:
        with torch.no_grad():
            expected = function(*arguments)
        expected = expected if isinstance(expected, tuple) else (expected,)
        got = session.run(None, {k: v.numpy() for k, v in zip(inputs, arguments)})
        errors += [float(np.abs(g - e.detach().numpy()).max()) for g, e in zip(got, expected)]
    print(f'{path.name}: {path.stat().st_size / 1e6:.2f} MB, largest difference {max(errors):.1e}')


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

    def forward(self, *inputs):
        return self.painter.prepare(*inputs)


class AdaptedDenoiser(nn.Module):
    """The denoiser with the adapters' matrices as inputs of their own."""

    def __init__(self, denoiser):
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x, t, context, references, conditions, *matrices):
        return self.denoiser(x, t, context, references, conditions, dict(zip(ADAPTED, zip(matrices[::2], matrices[1::2]))))


def load_painter(path):
    painter = Painter(len(Vocabulary().words))
    load_extended(painter, torch.load(path, map_location='cpu')['average'])
    return painter.eval()


def export_encoder(vae):
    write(Encoder(vae), [(torch.rand(2, 3, 128, 128) * 2 - 1,)], 'encoder', ['image'], ['z'], {'image': {0: 'n'}, 'z': {0: 'n'}})


def export_decoder(vae):
    """Of any width: wide pictures are painted in several squares and decoded in one piece."""
    latents = [(torch.randn(2, LATENT_CHANNELS, LATENT_SIDE, width),) for width in (LATENT_SIDE, 29)]
    write(Decoder(vae), latents, 'decoder', ['z'], ['image'], {'z': {0: 'n', 3: 'w'}, 'image': {0: 'n', 3: 'w8'}})


def export_layout():
    layout = Layout(len(Vocabulary().words))
    layout.load_state_dict(torch.load(CHECKPOINTS / 'layout.pt'))
    names = ['tok', 'at', 'shape', 'mu', 'ls']
    arguments = [(torch.randint(2, 60, (2, MAX_TOKENS)), torch.arange(slots).expand(2, -1).contiguous(), torch.rand(2, slots, 5)) for slots in SLOTS_COMPARED]
    write(layout, arguments, 'layout', names[:3], names[3:], {'tok': {0: 'n'}} | {name: {0: 'n', 1: 's'} for name in names[1:]})


def batch_axes(*names):
    return {name: {0: 'n'} for name in names}


def conditioning_arguments(slots, views=2):
    n = 2
    return (torch.randint(2, 60, (n, MAX_TOKENS)), torch.arange(slots).expand(n, -1).contiguous(), torch.rand(n, slots, 4, REFERENCE_PX, REFERENCE_PX),
            torch.rand(n, slots, 3) * 30 + 50, torch.zeros(n, slots), torch.eye(2).expand(n, slots, 2, 2).contiguous(),
            torch.rand(n, slots, views, 4, REFERENCE_PX, REFERENCE_PX), (torch.rand(n, slots, views) > .5).float(), torch.rand(n, 2, PICTURE_PX, PICTURE_PX), torch.rand(n, 2),
            torch.randn(n, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE), torch.rand(n), torch.rand(n, 3, STYLE_PX, STYLE_PX) * 2 - 1, torch.rand(n))


def adapter_arguments(rank):
    return [torch.randn(shape) * .05 for inputs, outputs in ADAPTED.values() for shape in ((BLOCKS, inputs, rank), (BLOCKS, rank, outputs))]


def export_conditioning(painter):
    arguments = [conditioning_arguments(slots) for slots in SLOTS_COMPARED] + [conditioning_arguments(2, views=1)]
    by_thing = ('at', 'ref', 'box', 'drop', 'pose')
    dynamic = batch_axes('tok', 'ctx', 'cond', *CONDITIONING_INPUTS[8:]) | {name: {0: 'n', 1: 's'} for name in by_thing}
    dynamic |= {name: {0: 'n', 1: 's', 2: 'v'} for name in ('views', 'view_weight')} | {'reftok': {0: 'n', 1: 'r'}}
    write(Conditioning(painter), arguments, 'conditioning', CONDITIONING_INPUTS, ['ctx', 'reftok', 'cond'], dynamic)


def export_denoiser(painter):
    with torch.no_grad():
        prepared = [painter.prepare(*conditioning_arguments(slots)) for slots in SLOTS_COMPARED]
    names = ['x', 't', 'ctx', 'reftok', 'cond']
    dynamic = batch_axes(*names, 'v') | {'reftok': {0: 'n', 1: 'r'}}
    dynamic |= {name: {2 if name.startswith('down') else 1: 'rank'} for name in ADAPTER_INPUTS}
    arguments = [(torch.randn(2, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE), torch.rand(2), *each, *adapter_arguments(rank)) for rank, each in zip((3, 1, 8), prepared)]
    write(AdaptedDenoiser(painter.denoiser), arguments, 'denoiser', names + ADAPTER_INPUTS, ['v'], dynamic, external=WEIGHTS_FILE)


def train_step_arguments(painter):
    n = TRAIN_BATCH
    latents = lambda: torch.randn(n, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE)
    prepared = [torch.cat([row] * (n // 2)) for row in painter.prepare(*conditioning_arguments(1))]
    return latents(), latents(), torch.rand(n), torch.ones(n), *prepared, *adapter_arguments(TRAIN_RANK)


def export_train_step(painter):
    """Reads the weights that export_denoiser wrote, and takes the painter's as they are stored: rounded."""
    painter.requires_grad_(False)
    for parameter in painter.parameters():
        parameter.copy_(parameter.half().float() if parameter.numel() > STORED_WHOLE_BELOW else parameter)
    step, arguments, path = training_step(painter.denoiser), train_step_arguments(painter), EXPORT / 'train-step.onnx'
    inputs = ['latent', 'noise', 't', 'weight', 'ctx', 'reftok', 'cond', *ADAPTER_INPUTS]
    to_onnx(traced(step, arguments), arguments, path, inputs, ['loss', *(f'grad.{name}' for name in ADAPTER_INPUTS)], folding=False)
    onnx.save(shortened(share_weights(path, EXPORT / 'denoiser.onnx')), path)
    with torch.enable_grad():
        compare(path, torch.enable_grad()(step), [arguments], inputs)


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
        loaded = load_painter(options.painter)
        export_conditioning(loaded)
        export_denoiser(loaded)
        export_train_step(loaded)
        (EXPORT / 'vocab.json').write_text(json.dumps(Vocabulary().words))
