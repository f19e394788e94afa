"""
The adapters' training step as one ONNX graph: loss and gradients for the matrices, everything else frozen. Forward and backward are traced together into
primitive operators, so that any runtime can train; the weights are the denoiser's own, read from the same file.
"""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch._decomp import get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.passes.shape_prop import ShapeProp

from layers import ADAPTED
from model import BLOCKS

aten = torch.ops.aten
TRAIN_BATCH, TRAIN_RANK = 4, 16
STORED_WHOLE_BELOW = 4096   # small tensors stay fp32 and inline: nothing is gained there
IDENTITIES = (aten.detach.default, aten.alias.default, aten.clone.default, aten.lift_fresh_copy.default)
RESHAPES = (aten._unsafe_view.default, aten.view.default, aten._reshape_alias.default)


def convolution_backward(gradient, _input, weight, _bias, stride, padding, dilation, _transposed, _output_padding, groups, _wanted):
    """Only the input's gradient: the weights are frozen."""
    return aten.convolution.default(gradient, weight, None, stride, padding, dilation, True, [0, 0], groups), None, None


def slice_backward(gradient, sizes, dimension, start, end, _step):
    zeros = lambda length: gradient.new_zeros([*sizes[:dimension], length, *sizes[dimension + 1:]])
    end = min(end, sizes[dimension])
    return torch.cat([zeros(start), gradient, zeros(sizes[dimension] - end)], dimension)


def decompositions():
    table = dict(get_decompositions([aten.sigmoid_backward, aten.silu, aten.silu_backward, aten.select_backward, aten._softmax, aten._softmax_backward_data,
                                     aten.native_layer_norm, aten.native_layer_norm_backward, aten.addmm, aten.split, aten.unbind]))
    return table | {aten.convolution_backward.default: convolution_backward, aten.slice_backward.default: slice_backward}


def training_step(denoiser):
    def step(latent, noise, t, weight, context, references, conditions, *matrices):
        leaves = [[matrix[k].detach().requires_grad_() for k in range(BLOCKS)] for matrix in matrices]
        adapters = {name: (leaves[2 * i], leaves[2 * i + 1]) for i, name in enumerate(ADAPTED)}
        share = t.reshape(TRAIN_BATCH, 1, 1, 1)
        velocity = denoiser((1 - share) * latent + share * noise, t, context, references, conditions, adapters)
        loss = ((velocity - (noise - latent)).square().mean((1, 2, 3)) * weight).sum() / weight.sum()
        gradients = iter(torch.autograd.grad(loss, [leaf for each in leaves for leaf in each]))
        return loss.detach().reshape(1), *(torch.stack([next(gradients) for _ in each]) for each in leaves)
    return step


def traced(step, arguments):
    """The step as a graph module without views, copies and reshapes that change nothing."""
    module = make_fx(step, decomposition_table=decompositions())(*arguments)
    for node in module.graph.nodes:
        if node.target in RESHAPES:
            node.target, node.args = aten.reshape.default, node.args[:2]
    ShapeProp(module).propagate(*arguments)
    shape = lambda node: node.meta['tensor_meta'].shape
    for node in list(module.graph.nodes):
        keeps_shape = node.target in (aten.expand.default, aten.reshape.default) and shape(node.args[0]) == shape(node)
        if node.target in IDENTITIES or keeps_shape:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def share_weights(path, weights_of):
    """Large initialisers become references into the external file that another graph's weights lie in; transposed ones a Transpose of them."""
    owner = onnx.load(weights_of, load_external_data=False)
    stored = onnx.load(weights_of)
    by_value = {}
    for tensor, loaded in zip(owner.graph.initializer, stored.graph.initializer):
        if tensor.data_location == TensorProto.EXTERNAL:
            array = numpy_helper.to_array(loaded)
            by_value[array.shape, array.tobytes()] = tensor, False
            if array.ndim == 2:
                by_value.setdefault((array.shape[::-1], array.T.tobytes()), (tensor, True))
    model = onnx.load(path)
    graph, first, kept = model.graph, [], {}
    for tensor in [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and np.prod(t.dims) > STORED_WHOLE_BELOW]:
        array = numpy_helper.to_array(tensor).astype(np.float16)
        found, transposed = by_value[array.shape, array.tobytes()]
        graph.initializer.remove(tensor)
        if found.name not in kept:
            kept[found.name] = found
            graph.initializer.append(found)
            first.append(helper.make_node('Cast', [found.name], [f'{found.name}_f'], to=TensorProto.FLOAT))
        first.append(helper.make_node('Transpose' if transposed else 'Identity', [f'{found.name}_f'], [tensor.name], **({'perm': [1, 0]} if transposed else {})))
    nodes = first + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model

