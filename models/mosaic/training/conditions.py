"""
What besides words and references can guide a picture: edges, nearness, a blurred latent, a style picture, further views of a thing. Each has a strength;
at 0 it adds exactly nothing, so that a painter trained without guidance stays what it was.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from layers import WIDTH, Linear, layer_norm

LATENT_SIDE, LATENT_CHANNELS, STEM = 16, 8, 96
GUIDE_KINDS, GUIDE_HIDDEN, GUIDE_CHANNELS = 4, 40, 24       # edges, nearness, content, style
EXTRA_CHANNELS = GUIDE_KINDS * GUIDE_CHANNELS + GUIDE_KINDS
CORRECTOR_WIDTH, CORRECTOR_DILATIONS = 64, (1, 3)
EMPHASIS = 3., 3., 1.5, 2.5          # what is likely given a guide is overdone by this, as guidance overdoes the caption; chosen by eye
STYLE_PX, STYLE_CHANNELS = 64, 56
VIEW_HEADS, VIEW_KEY, VIEW_VALUE = 4, 16, 16
ABSENT = 1e-6


def blurred(latent, strength):
    """A weak content reference is blurred to 4 x 4 places, a strong one to 8 x 8: [n, 8, 16, 16]."""
    at = lambda stride: F.interpolate(F.avg_pool2d(latent, stride), size=(LATENT_SIDE, LATENT_SIDE), mode='bilinear', align_corners=False)
    share = strength[:, None, None, None]
    return at(4) * (1 - share) + at(2) * share


def map_encoder():
    return nn.Sequential(nn.PixelUnshuffle(8), nn.Conv2d(64, GUIDE_HIDDEN, 1), nn.SiLU(), nn.Conv2d(GUIDE_HIDDEN, GUIDE_CHANNELS, 3, padding=1))


class Style(nn.Module):
    """A picture [n, 3, 64, 64] in -1..1 -> a vector of its colours and light: means and deviations of features, not where things are."""

    def __init__(self):
        super().__init__()
        widths = (3, 20, 40, STYLE_CHANNELS)
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:])])
        self.out = Linear(2 * STYLE_CHANNELS, GUIDE_CHANNELS)

    def forward(self, picture):
        for layer in self.layers:
            picture = F.silu(layer(picture))
        mean = picture.mean((2, 3))
        deviation = ((picture - mean[:, :, None, None]).square().mean((2, 3)) + 1e-5).sqrt()
        return self.out(torch.cat([mean, deviation], 1))


class Guides(nn.Module):
    """guide [n, 2, 128, 128] in 0..1 (edges, nearness), content [n, 8, 16, 16], style [n, 3, 64, 64] -> [n, 100, 16, 16], the strengths last."""

    def __init__(self):
        super().__init__()
        self.edges, self.nearness, self.style = map_encoder(), map_encoder(), Style()
        self.content = nn.Conv2d(LATENT_CHANNELS, GUIDE_CHANNELS, 3, padding=1)

    def forward(self, guide, guide_strength, content, content_strength, style, style_strength):
        strengths = torch.cat([guide_strength, content_strength[:, None], style_strength[:, None]], 1)[:, :, None, None]
        found = [self.edges(guide[:, :1] * 2 - 1), self.nearness(guide[:, 1:] * 2 - 1), self.content(blurred(content, content_strength)),
                 self.style(style)[:, :, None, None].expand(-1, -1, LATENT_SIDE, LATENT_SIDE)]
        weighted = [features * strengths[:, k:k + 1] for k, features in enumerate(found)]
        return torch.cat([*weighted, strengths.expand(-1, -1, LATENT_SIDE, LATENT_SIDE)], 1)


class Corrector(nn.Module):
    """What the guides change in the velocity that the denoiser predicts: it sees the denoiser's last features, so that it is trained without going through it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(STEM + 2 * LATENT_CHANNELS + EXTRA_CHANNELS, CORRECTOR_WIDTH, 3, padding=1)
        self.condition = Linear(WIDTH, CORRECTOR_WIDTH)
        self.inner = nn.ModuleList([nn.Conv2d(CORRECTOR_WIDTH, CORRECTOR_WIDTH, 3, padding=d, dilation=d) for d in CORRECTOR_DILATIONS * 2])
        self.out = nn.Conv2d(CORRECTOR_WIDTH, LATENT_CHANNELS, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, hidden, x, t, velocity, condition, guides, emphasis=(1.,) * GUIDE_KINDS):
        """hidden [n, 96, 16, 16], x and velocity [n, 8, 16, 16], condition [n, 256], guides as Guides made them"""
        picture = x - t[:, None, None, None] * velocity
        y = self.first(torch.cat([hidden, x, picture, guides], 1)) + self.condition(condition)[:, :, None, None]
        for k in range(0, len(self.inner), 2):
            y = y + self.inner[k + 1](F.silu(self.inner[k](F.silu(y))))
        strongest = (guides[:, GUIDE_KINDS * GUIDE_CHANNELS:] * torch.tensor(emphasis).reshape(1, -1, 1, 1)).amax(1, keepdim=True)
        return self.out(F.silu(y)) * strongest


class Views(nn.Module):
    """Tokens of a reference look up what further pictures of the same thing add."""

    def __init__(self):
        super().__init__()
        self.query, self.key = Linear(WIDTH, VIEW_HEADS * VIEW_KEY), Linear(WIDTH, VIEW_HEADS * VIEW_KEY)
        self.value, self.out = Linear(WIDTH, VIEW_HEADS * VIEW_VALUE), Linear(VIEW_HEADS * VIEW_VALUE, WIDTH, 0.)

    def forward(self, tokens, views, weight):
        """tokens [m, t, 256]; views [m, v, t, 256]; weight [m, v] (0: absent) -> what is added to the tokens"""
        things, count, each = views.shape[:3]
        heads = lambda x, width: x.reshape(things, -1, VIEW_HEADS, width).permute(0, 2, 1, 3)
        query, views = layer_norm(tokens), views.reshape(things, count * each, WIDTH)
        scores = torch.matmul(heads(self.query(query), VIEW_KEY), heads(self.key(views), VIEW_KEY).transpose(-1, -2)) * VIEW_KEY ** -.5
        present = (weight + ABSENT).log()[:, :, None].expand(-1, -1, each).reshape(things, 1, 1, count * each)
        found = torch.matmul((scores + present).softmax(-1), heads(self.value(views), VIEW_VALUE))
        return self.out(found.permute(0, 2, 1, 3).reshape(things, -1, VIEW_HEADS * VIEW_VALUE)) * weight.amax(1)[:, None, None]
