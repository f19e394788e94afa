"""Building blocks shared by the text encoder, the reference encoder and the denoiser."""
import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH, HEADS, MLP_RATIO = 256, 4, 4
HEAD_WIDTH = WIDTH // HEADS
ADAPTED = {'qkv': (WIDTH, 3 * WIDTH), 'out': (WIDTH, WIDTH), 'fc1': (WIDTH, MLP_RATIO * WIDTH), 'fc2': (MLP_RATIO * WIDTH, WIDTH)}   # inputs, outputs
NO_ADAPTERS = dict.fromkeys(ADAPTED)


class Exporting:
    """While on, attention is spelled out in primitives, which every ONNX runtime knows."""
    on = False


class Linear(nn.Module):
    def __init__(self, inputs, outputs, deviation=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (inputs ** -.5 if deviation is None else deviation))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x, adapter=None):
        """adapter: matrices (down [inputs, rank], up [rank, outputs]), whose product is added to the weight."""
        out = F.linear(x, self.weight, self.bias)
        return out if adapter is None else out + torch.matmul(torch.matmul(x, adapter[0]), adapter[1])


def layer_norm(x):
    return F.layer_norm(x, (WIDTH,), eps=1e-6)


def rms_norm(x):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def position_norm(x):
    """Normalises the channels of each position of a map; `int` keeps the number of channels a constant while exporting."""
    return F.layer_norm(x.permute(0, 2, 3, 1), (int(x.shape[1]),), eps=1e-6).permute(0, 3, 1, 2)


def attend(query, key, value):
    if Exporting.on:
        return torch.matmul((torch.matmul(query, key.transpose(-1, -2)) * HEAD_WIDTH ** -.5).softmax(-1), value)
    return F.scaled_dot_product_attention(query, key, value)


class Attention(nn.Module):
    """Self-attention whose keys may be extended by reference tokens."""

    def __init__(self, reads_references=False):
        super().__init__()
        self.qkv = Linear(WIDTH, 3 * WIDTH)
        self.proj = Linear(WIDTH, WIDTH, .5 * WIDTH ** -.5)
        self.gain = nn.Parameter(torch.ones(2, HEADS, 1, HEAD_WIDTH))
        self.reference_kv = Linear(WIDTH, 2 * WIDTH) if reads_references else None

    def forward(self, x, references=None, adapters=NO_ADAPTERS):
        n, tokens, _ = x.shape
        query, key, value = self.qkv(x, adapters['qkv']).reshape(n, tokens, 3, HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4).unbind(0)
        if self.reference_kv is not None:
            more_keys, more_values = self.reference_kv(references).reshape(n, -1, 2, HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4).unbind(0)
            key, value = torch.cat([key, more_keys], 2), torch.cat([value, more_values], 2)
        out = attend(rms_norm(query) * self.gain[0], rms_norm(key) * self.gain[1], value)
        return self.proj(out.permute(0, 2, 1, 3).reshape(n, tokens, WIDTH), adapters['out'])


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = Linear(WIDTH, MLP_RATIO * WIDTH)
        self.fc2 = Linear(MLP_RATIO * WIDTH, WIDTH, .5 * (MLP_RATIO * WIDTH) ** -.5)

    def forward(self, x, adapters=NO_ADAPTERS):
        hidden = self.fc1(x, adapters['fc1'])
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden), adapters['fc2'])


class TextBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.mlp = Attention(), Mlp()

    def forward(self, x):
        x = x + self.attention(layer_norm(x))
        return x + self.mlp(layer_norm(x))


class JointBlock(nn.Module):
    """Transformer block over picture and text tokens, modulated by the time and the caption."""

    def __init__(self, reads_references):
        super().__init__()
        self.attention, self.mlp = Attention(reads_references), Mlp()
        self.table = nn.Parameter(torch.randn(6, WIDTH) * .02)

    def forward(self, x, modulation, references, adapters=NO_ADAPTERS):
        scale_a, shift_a, gate_a, scale_m, shift_m, gate_m = modulation_parts(modulation + self.table)
        x = x + gate_a * self.attention(layer_norm(x) * (1 + scale_a) + shift_a, references, adapters)
        return x + gate_m * self.mlp(layer_norm(x) * (1 + scale_m) + shift_m, adapters)


def modulation_parts(modulation):
    return modulation.unsqueeze(2).unbind(1)


class Residual(nn.Module):
    """Two 3x3 convolutions on normalised positions; `modulated` by a condition vector of WIDTH."""

    def __init__(self, channels, modulated=True):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.b.weight, std=.3 * (9 * channels) ** -.5)
        self.film = Linear(WIDTH, 2 * channels, .3 * WIDTH ** -.5) if modulated else None

    def forward(self, x, condition=None):
        hidden = position_norm(x)
        if self.film is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        return x + self.b(F.silu(self.a(hidden)))


def grid_positions(side, width):
    """Sine and cosine positions of a square grid: [side * side, width]."""
    angles = torch.arange(side).float()[:, None] / 100 ** (torch.arange(width // 4).float() / (width // 4))
    line = torch.cat([angles.sin(), angles.cos()], 1)
    return torch.cat([line[:, None].expand(side, side, width // 2), line[None].expand(side, side, width // 2)], -1).reshape(side * side, width)
